import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isAlive } from '../../platform/child-process.ts';
import { freePort } from '../../platform/ports.ts';
import { postgresHome } from '../../platform/postgres.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KEY = Buffer.alloc(32, 7).toString('base64');
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nango-test-start-'));
});
afterAll(async () => {
  // As root, Postgres keeps its data elsewhere: this folder is closed to others.
  for (const name of await readdir(folder)) {
    await rm(await postgresHome(join(folder, name, 'postgres')), { recursive: true, force: true });
  }
  await rm(folder, { recursive: true, force: true });
});

test.each(['SERVER_PORT', 'TEMPORAL_UI_PORT'])(
  'a taken %s is one line that names it, and nothing is started',
  async (setting) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const data = join(folder, 'taken');
    const { code, output } = await ended(start({ [setting]: String(port), NANGO_DATA_DIR: data }));
    server.close();
    expect([code, output]).toEqual([
      1,
      `Port ${port} is taken: stop the program that uses it, or choose another with ${setting}\n`,
    ]);
    expect(await readdir(data).catch(() => [])).toEqual([]);
  },
);

test.each([
  ['TEMPORAL_ADDRESS', { TEMPORAL_ADDRESS: '127.0.0.1:9' }],
  ['DATABASE_URL', { DATABASE_URL: 'postgres://u:hidden@127.0.0.1:9/x', NANGO_ENCRYPTION_KEY: KEY }],
  ['NANGO_ENCRYPTION_KEY', { DATABASE_URL: 'postgres://u:hidden@127.0.0.1:9/x' }],
  ['DATABASE_URL', { DATABASE_URL: 'nonsense' }],
  ['DATABASE_URL', { DATABASE_URL: refusing(), NANGO_ENCRYPTION_KEY: KEY }],
])(
  'a start that fails for %s says so and ends with 1',
  async (setting, settings) => {
    const data = join(folder, `fails-${Math.random()}`);
    const { code, output } = await ended(start({ ...settings, NANGO_DATA_DIR: data }));
    expect(code).toBe(1);
    expect(output).toContain(setting);
    expect(output).not.toMatch(/\n\s+at /);
    expect(output).not.toContain('hidden');
    expect((await readdir(data).catch(() => [])).filter((name) => name.endsWith('.pid'))).toEqual([]);
  },
  180_000,
);

test('Ctrl-C stops all parts in order and ends with 0; a second start in the folder is refused meanwhile', async () => {
  const data = join(folder, 'kept');
  const first = start({ NANGO_DATA_DIR: data });
  await said(first, /Ready/);
  const second = await ended(start({ NANGO_DATA_DIR: data }));
  expect([second.code, second.output]).toEqual([1, expect.stringContaining(`is in use by process ${first.pid}`)]);
  const children = await pidsIn(data);
  expect(children.every(isAlive)).toBe(true);
  first.kill('SIGINT');
  expect((await ended(first)).code).toBe(0);
  expect(children.filter(isAlive)).toEqual([]);
});

test('a start after a crash takes over what was left running', async () => {
  const data = join(folder, 'crashed');
  // What is left running also holds the port of the Web UI.
  const settings = { NANGO_DATA_DIR: data, TEMPORAL_UI_PORT: String(await freePort()) };
  const first = start(settings);
  await said(first, /Ready/);
  const left = await pidsIn(data);
  first.kill('SIGKILL');
  await once(first, 'exit');
  const second = start(settings);
  await said(second, /Ready/);
  expect(left.filter(isAlive)).toEqual([]);
  second.kill('SIGTERM');
  expect((await ended(second)).code).toBe(0);
}, 90_000);

/** The tests' own server, with a wrong password. */
function refusing(): string {
  const url = new URL(process.env['NANGO_TEST_POSTGRES'] ?? '');
  url.password = 'hidden';
  return url.href;
}

const ports = { SERVER_PORT: '0', TEMPORAL_UI_PORT: '0' };

function start(settings: Readonly<Record<string, string>>): ChildProcess {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...ports, ...settings };
  return spawn(process.execPath, ['platform/start.ts'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await once(child, 'close');
  return { code, output };
}

function said(child: ChildProcess, what: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (what.test(text)) resolve();
      });
    child.once('close', () => reject(new Error(`It ended before it said ${what}:\n${text}`)));
  });
}

/** The servers that a data folder says are running. */
async function pidsIn(data: string): Promise<number[]> {
  const names = ['postgres.pid', 'temporal.pid'];
  return Promise.all(names.map(async (name) => Number(await readFile(join(data, name), 'utf8'))));
}
