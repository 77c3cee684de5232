import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createRefresher } from '../../platform/refresher.ts';
import { connectionById, openConnection } from '../../store/connections.ts';
import { useAuthorizationServer } from '../support/authorization-server.ts';
import { useDatabase } from '../support/database.ts';
import { seedGrant, TEST_BOX, TEST_KEY } from '../support/token-process.ts';
import { until } from '../support/until.ts';

const database = useDatabase();
const server = useAuthorizationServer();
const SCRIPT = fileURLToPath(new URL('../support/refresh-wish.ts', import.meta.url));
let folder = '';
let providersFile = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nango-test-refresher-'));
  providersFile = join(folder, 'providers.yaml');
  const acme = { auth_mode: 'OAUTH2', token_url: `${server.url}/token`, proxy: { base_url: server.url } };
  await writeFile(providersFile, JSON.stringify({ acme }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const clock = () => ({ now: new Date() });
const load = async (id: number) => {
  const row = await connectionById(database.pool, String(id));
  if (row === undefined) throw new Error('no connection');
  return openConnection(row, TEST_BOX);
};

function wish(id: number, where: string): ChildProcess {
  const args = [
    '--disable-warning=ExperimentalWarning',
    SCRIPT,
    database.url,
    TEST_KEY,
    providersFile,
    String(id),
    where,
  ];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills the process that wants the token when the provider has made it and has not answered yet. */
async function killAtAnswer(id: number, where: string): Promise<void> {
  const process = wish(id, where);
  server.reshape = (answer) => {
    process.kill('SIGKILL');
    return answer;
  };
  await once(process, 'exit');
  expect(process.signalCode).toBe('SIGKILL');
}

test('a process that is killed between the answer and the write loses no token', async () => {
  const id = await seedGrant(database, server, clock());
  const before = await load(id);
  await killAtAnswer(id, 'elsewhere');
  const after = await until('new token', async () => {
    const now = await load(id);
    return now.version !== before.version && now;
  });
  server.reshape = (answer) => answer;
  const response = await fetch(`${server.url}/me`, {
    headers: { authorization: `Bearer ${after.credentials['access_token']}` },
  });
  expect([response.status, server.reuses]).toEqual([200, 0]);
  const again = wish(id, 'elsewhere');
  await once(again, 'exit');
  expect([again.exitCode, server.reuses, (await load(id)).version]).toEqual([0, 0, before.version + 2]);
});

test('in one process with its caller it is lost, and the failure says so', async () => {
  const id = await seedGrant(database, server, clock());
  await killAtAnswer(id, 'here');
  server.reshape = (answer) => answer;
  const refresher = createRefresher(
    { databaseUrl: database.url, keys: [TEST_KEY], providersFile, allow: ['127.0.0.1'] },
    { log: () => {}, clock: () => new Date() },
  );
  await expect(refresher.refresh(await load(id), 'asked')).rejects.toMatchObject({
    code: 'connection_unauthorized',
    message: expect.stringContaining('its new token may be lost'),
  });
  await refresher.close();
});

test('a provider with a grace period gives the token once more', async () => {
  const id = await seedGrant(database, server, clock());
  server.graceMs = 60_000;
  await killAtAnswer(id, 'here');
  server.reshape = (answer) => answer;
  const refresher = createRefresher(
    { databaseUrl: database.url, keys: [TEST_KEY], providersFile, allow: ['127.0.0.1'] },
    { log: () => {}, clock: () => new Date() },
  );
  await refresher.refresh(await load(id), 'asked');
  await refresher.close();
  expect([(await load(id)).version, server.reuses]).toEqual([2, 0]);
});
