import { spawn } from 'node:child_process';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useFolders } from '../support/cli.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/nango.js', import.meta.url));
const folders = useFolders();
/** Calls that wait for their answer. */
const waiting: ServerResponse[] = [];
let onCall = () => {};
const server = createServer((_request, response) => {
  waiting.push(response);
  onCall();
});
let url = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

/** `nango integrations list`; its server does not answer before it is told to. */
async function start(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const arrived = new Promise<void>((resolve) => {
    onCall = resolve;
  });
  const env = {
    ...process.env,
    CI: undefined,
    TERM: 'xterm',
    NANGO_HOSTPORT: url,
    NANGO_SECRET_KEY_DEV: 'key',
    ...environment,
  };
  const child = spawn(program, args, { cwd: await folders.create(), env, stdio: ['ignore', 'pipe', 'pipe'] });
  let shown = '';
  let wake = () => {};
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      wake();
    });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await Promise.race([arrived, ended]);
  return {
    ended,
    shown: () => shown,
    see: async (pattern: RegExp) => {
      while (!pattern.test(shown)) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

/** Takes away what stands in the line. */
const CLEAR = '\r\u001b[2K';
const RESULT = "No integrations in 'dev'.";
const COMMAND = [process.execPath, LAUNCHER, 'integrations', 'list'];
const quoted = COMMAND.map((word) => `'${word}'`).join(' ');
const onTerminal = (environment?: NodeJS.ProcessEnv) => start('script', ['-qec', quoted, '/dev/null'], environment);

test('what takes longer than a second is said on a terminal, and nowhere else', async () => {
  // Both others have waited for longer than the one that shows it.
  const piped = await start(process.execPath, COMMAND.slice(1));
  const inCi = await onTerminal({ CI: 'true' });
  const seen = await onTerminal();
  await seen.see(/Waiting for http:\S+ … [1-9]\d* s/);
  for (const response of waiting.splice(0)) response.end('{"data":[]}');
  expect(await Promise.all([piped.ended, inCi.ended, seen.ended])).toEqual([0, 0, 0]);
  // Taken away before the result is written.
  expect(seen.shown().split(CLEAR).at(-1)).toBe(`${RESULT}\r\n`);
  expect(piped.shown()).toBe(`${RESULT}\n`);
  expect(inCi.shown()).toBe(`${RESULT}\r\n`);
});

test('what is answered at once shows no progress on a terminal either', async () => {
  const seen = await onTerminal();
  for (const response of waiting.splice(0)) response.end('{"data":[]}');
  expect(await seen.ended).toBe(0);
  expect(seen.shown()).toBe(`${RESULT}\r\n`);
});
