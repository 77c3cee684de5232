/** docs/production.md, played: its commands as they stand, on servers of a test's own under the names that the page uses. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { call } from '../../platform/example.ts';
import { freePort } from '../../platform/ports.ts';
import { useDatabase } from '../support/database.ts';
import { findPostgresTools } from '../support/postgres-tools.ts';
import { useTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const [before, after] = [useDatabase({ empty: true }), useDatabase({ empty: true })];
const [temporal, newTemporal] = [useTemporal(), useTemporal()];
const running: ChildProcess[] = [];
const isTold = new Set<number>();
let page: {
  readonly make: string;
  readonly name: string;
  readonly start: readonly string[];
  dump: string;
  restore: string;
};
let folder = '';
let tools: string | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nango-test-page-'));
  tools = await findPostgresTools();
  const text = await readFile(join(ROOT, 'docs', 'production.md'), 'utf8');
  const blocks = [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) =>
    block.replaceAll(/^ {3}/gm, '').trim(),
  );
  const [make = '', name = '', start = '', dump = '', restore = ''] = blocks;
  page = { make, name, start: start.split('\n'), dump, restore };
}, 180_000);
afterAll(async () => {
  await stopAll();
  await rm(folder, { recursive: true, force: true });
}, 120_000);

test('the page goes from nothing to an API and workers, and from a dump to the same on other servers', async () => {
  await shell(page.make);
  await writeFile(join(folder, 'database-url'), before.url);
  const port = await freePort();
  const first = await shell(`${named(temporal.server.address)}\ncd '${ROOT}' && npm run -s migrate`);
  const key = /^NANGO_SECRET_KEY_DEV=(\S+)$/m.exec(first)?.[1] ?? '';
  const caller = { apiUrl: `http://127.0.0.1:${port}`, key };
  expect(page.start.map((line) => /npm run \w+/.exec(line)?.[0])).toEqual([
    ...['npm run api', 'npm run worker', 'npm run worker'],
  ]);
  await startAll(page.start, { port, address: temporal.server.address });
  expect(await readiness(caller.apiUrl)).toMatchObject({ result: 'ok', workers: 'ok' });
  await call(caller, 'POST', '/integrations', { unique_key: 'kept', provider: 'github' });
  if (tools === undefined) return;
  const url = `export DATABASE_URL='${before.url}'`;
  await shell(`${url}\n${page.dump}`);
  await stopAll();

  const [restoring = '', starting = ''] = page.restore.split('\n');
  await shell(`export DATABASE_URL='${after.url}'\n${restoring}`);
  await writeFile(join(folder, 'database-url'), after.url);
  const [migrate = '', api = ''] = starting.split('#')[0]?.split(' && ') ?? [];
  expect(await shell(`${named(newTemporal.server.address)}\ncd '${ROOT}' && ${migrate}`)).toContain('up to date');
  await startAll([api, ...page.start.slice(1)], { port, address: newTemporal.server.address });
  expect(await readiness(caller.apiUrl)).toMatchObject({ result: 'ok', workers: 'ok' });
  const { data } = await call<{ data: { unique_key: string }[] }>(caller, 'GET', '/integrations');
  expect(data.map(({ unique_key }) => unique_key)).toEqual(['kept']);
}, 400_000);

/** The block that names the servers, with the page's names replaced by those of the test. */
function named(address: string): string {
  expect(page.name).toContain('/run/secrets/database-url');
  return page.name.replaceAll('/run/secrets', folder).replace('temporal:7233', address);
}

async function shell(commands: string): Promise<string> {
  const { stdout } = await run('sh', ['-euc', commands], { cwd: folder, env: environment({}) });
  return stdout;
}

function environment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const path = [join(ROOT, 'node_modules', '.bin'), ...(tools === undefined ? [] : [tools]), process.env['PATH']];
  return { PATH: path.join(':'), HOME: process.env['HOME'], ...more };
}

/** Starts each command and resolves once it says that it is ready. */
async function startAll(
  commands: readonly string[],
  { port, address }: { readonly port: number; readonly address: string },
): Promise<void> {
  for (const command of commands) {
    const line = `${named(address)}\ncd '${ROOT}' && exec ${command.includes('=') ? 'env ' : ''}${command}`;
    const settings = { SERVER_PORT: String(port), NANGO_DATA_DIR: folder };
    const child = spawn('sh', ['-euc', line], {
      env: environment(settings),
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    running.push(child);
    await new Promise<void>((resolve, reject) => {
      child.on('exit', (code) => reject(new Error(`${command} ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (said) => {
        if (/"(api|worker)\.ready"/.test(said)) resolve();
      });
    });
  }
}

async function stopAll(): Promise<void> {
  for (const child of running.splice(0)) {
    // npm passes the signal on and does not wait for what it started.
    await until('end of a process', () => !signalGroup(child.pid ?? 0, 'SIGTERM'), { everyMs: 100 });
  }
}

/** False once nobody of the group is left. */
function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, isTold.has(pid) ? 0 : signal);
    isTold.add(pid);
    return true;
  } catch {
    return false;
  }
}

function readiness(apiUrl: string): Promise<unknown> {
  return until(`readiness of ${apiUrl}`, async () => {
    const answer = await fetch(`${apiUrl}/ready`);
    const said: unknown = await answer.json();
    return answer.ok && said;
  });
}
