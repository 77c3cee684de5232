import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { useAuthorizationServer } from '../support/authorization-server.ts';
import { useDatabase } from '../support/database.ts';
import { refreshTime } from '../../outbound/auth/applicant.ts';
import { createCredentialVault } from '../../store/credentials.ts';
import { openDatabase } from '../../store/db.ts';
import { type Clock, openTokenProcess, seedGrant, TEST_BOX, type TokenProcess } from '../support/token-process.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const clock: Clock = { now: new Date(START) };
const database = useDatabase();
const server = useAuthorizationServer(() => clock.now.getTime());
const entry = () => ({ auth_mode: 'OAUTH2', token_url: `${server.url}/token`, proxy: { base_url: server.url } });
const opened: TokenProcess[] = [];
const open = (changes: Record<string, unknown> = {}, longestHoldMs?: number) => {
  const process = openTokenProcess(database, clock, () => ({ ...entry(), ...changes }), longestHoldMs);
  opened.push(process);
  return process;
};
const pass = (seconds: number) => {
  clock.now = new Date(clock.now.getTime() + seconds * 1_000);
};
const stateOf = async (id: number) =>
  (await database.pool.query('select * from connections where id = $1', [id])).rows[0];

beforeEach(() => {
  clock.now = new Date(START);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((process) => process.close()));
});

test('200 callers of 4 processes find an ended token: one request, all get the new one (U044)', async () => {
  const id = await seedGrant(database, server, clock);
  const processes = Array.from({ length: 4 }, () => open({}, 60_000));
  const connections = await Promise.all(processes.map((process) => process.load(id)));
  pass(3_600);
  server.latencyMs = 2_000;
  const begun = performance.now();
  const calls = Array.from({ length: 200 }, (_, index) => {
    const [process, connection] = [processes[index % 4], connections[index % 4]];
    return process && connection ? process.call(connection) : Promise.reject(new Error('no process'));
  });
  expect(new Set(await Promise.all(calls))).toEqual(new Set([200]));
  expect([server.tokenCalls.length, server.reuses]).toEqual([1, 0]);
  // The refresh takes two seconds of it; a machine that is busy takes its time for the calls.
  expect(performance.now() - begun).toBeLessThan(6_000);
});

test('many expiries in a row: one refresh for each, in whichever process', async () => {
  server.revokesAccess = true;
  const id = await seedGrant(database, server, clock);
  const processes = [open(), open(), open()];
  const connections = await Promise.all(processes.map((process) => process.load(id)));
  for (let expiry = 1; expiry <= 20; expiry += 1) {
    pass(3_600);
    const statuses = processes.flatMap((process, index) => {
      const connection = connections[index];
      return connection ? [process.call(connection), process.call(connection)] : [];
    });
    expect(await Promise.all(statuses)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(server.tokenCalls).toHaveLength(expiry);
  }
  expect(server.reuses).toBe(0);
});

test('a token that ends soon is used while it is replaced, and nobody waits', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open();
  const connection = await process.load(id);
  pass(3_400);
  server.latencyMs = 500;
  expect(await process.call(connection)).toBe(200);
  expect(server.apiCalls).toEqual([connection.credentials['access_token']]);
  expect(server.tokenCalls.length).toBeLessThanOrEqual(1);
});

test.each([
  ['five minutes before its end', 3_600, undefined, 300],
  ['after four fifths of a short life', 600, undefined, 120],
  ["the provider's own margin before its end", 7_200, 900, 900],
  ['never before four fifths of its life, whatever the margin', 60, 900, 12],
])('a token is due %s', (_, lifeS, bufferS, marginS) => {
  const end = new Date(START + lifeS * 1_000);
  expect(refreshTime(end, new Date(START), bufferS)).toEqual(new Date(end.getTime() - marginS * 1_000));
});

test('200 callers of 4 processes with a good token wait neither for its replacement nor for each other', async () => {
  const id = await seedGrant(database, server, clock);
  const processes = Array.from({ length: 4 }, () => open({}, 60_000));
  const connections = await Promise.all(processes.map((process) => process.load(id)));
  pass(3_400);
  const served = Promise.withResolvers<void>();
  server.reshape = async (answer) => {
    await served.promise;
    return answer;
  };
  const calls = Array.from({ length: 200 }, (_, index) => {
    const [process, connection] = [processes[index % 4], connections[index % 4]];
    return process && connection ? process.call(connection) : Promise.reject(new Error('no process'));
  });
  expect(new Set(await Promise.all(calls))).toEqual(new Set([200]));
  expect(new Set(server.apiCalls)).toEqual(new Set([connections[0]?.credentials['access_token']]));
  served.resolve();
  await Promise.all(processes.map((process) => process.authorizer.keeper.close()));
  expect([server.tokenCalls.length, server.reuses]).toEqual([1, 0]);
  expect(await stateOf(id)).toMatchObject({ credentials_version: 2 });
});

test('always 401: two calls, one refresh, then the refusal is the answer; the next call asks for none (U040)', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open({ proxy: { base_url: `${server.url}` } });
  const connection = await process.load(id);
  pass(120);
  server.reshape = (answer) => ({ ...answer, access_token: 'never good' });
  server.expireAll();
  expect(await process.call(connection, 'POST')).toBe(401);
  expect([server.apiCalls.length, server.tokenCalls.length]).toEqual([2, 1]);
  expect(await process.call(await process.load(id))).toBe(401);
  expect([server.apiCalls.length, server.tokenCalls.length]).toEqual([3, 1]);
});

test('401 once: a refresh, and the call succeeds, whatever its method (U040)', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open();
  const connection = await process.load(id);
  pass(120);
  server.expireAll();
  expect(await process.call(connection, 'POST')).toBe(200);
  expect([server.apiCalls.length, server.tokenCalls.length]).toEqual([2, 1]);
});

test('a call that brings its own Authorization is left alone', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open();
  const headers = { Authorization: 'Bearer mine' };
  const config = { endpoint: '/me', method: 'GET', headers } as const;
  const answer = await process.outbound.request(await process.load(id), config, {
    signal: new AbortController().signal,
  });
  expect([answer.head.status, server.tokenCalls.length]).toEqual([401, 0]);
});

test('a token without a lifetime is used until it is refused (U047)', async () => {
  server.lifetime = null;
  const id = await seedGrant(database, server, clock);
  const process = open();
  pass(1_000_000);
  expect(await process.call(await process.load(id))).toBe(200);
  server.expireAll();
  expect(await process.call(await process.load(id))).toBe(200);
  expect(server.tokenCalls).toHaveLength(1);
  expect(await stateOf(id)).toMatchObject({ expires_at: null, credentials_version: 2 });
});

test('the end of a JWT is read from it (U047)', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open();
  server.lifetime = null;
  const payload = Buffer.from(JSON.stringify({ exp: START / 1_000 + 9_000 })).toString('base64url');
  server.reshape = (answer) => ({ ...answer, access_token: `eyJhbGciOiJub25lIn0.${payload}.` });
  await process.authorizer.keeper.refresh(await process.load(id), 'asked');
  expect((await stateOf(id)).expires_at).toEqual(new Date(START + 9_000_000));
});

test('an ended token without a refresh token: the connection has to be signed in again, said once (U047)', async () => {
  const id = await seedGrant(database, server, clock, { credentials: { refresh_token: undefined } });
  const process = open();
  pass(3_600);
  const connection = await process.load(id);
  await expect(process.call(connection)).rejects.toMatchObject({
    code: 'connection_unauthorized',
    message: expect.stringContaining('there is no refresh token'),
  });
  await expect(process.call(connection)).rejects.toMatchObject({ code: 'connection_unauthorized' });
  expect(process.events.map(([event]) => event)).toEqual(['connection.unauthorized']);
});

test('a revoked grant: one request among 100 calls, then the way out is said (U050, U051)', async () => {
  const id = await seedGrant(database, server, clock);
  const processes = [open(), open()];
  const connection = await processes[0]?.load(id);
  if (connection === undefined) throw new Error('no connection');
  server.revokeAll();
  pass(3_600);
  for (let round = 0; round < 10; round += 1) {
    const calls = Array.from({ length: 10 }, (_, index) => processes[index % 2]?.call(connection));
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ reason: { code: 'connection_unauthorized' } });
    }
    pass(1);
  }
  expect(server.tokenCalls).toHaveLength(1);
  const events = processes.flatMap((process) => process.events.map(([event]) => event));
  expect(events).toEqual(['connection.unauthorized']);
  await expect(processes[0]?.call(connection)).rejects.toMatchObject({
    message: expect.stringContaining('POST /connect/sessions/reconnect'),
  });
});

test('an outage is no revocation: it backs off, and recovers by itself (U051)', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open();
  const connection = await process.load(id);
  pass(3_600);
  const down = { status: 503, body: 'down', type: 'text/html' };
  server.refusals.push(down, down, down, down);
  const attempt = async () =>
    process.outbound.attempt(
      connection,
      { endpoint: '/me', method: 'GET' },
      { signal: new AbortController().signal, attempt: 0 },
    );
  for (let failures = 1; failures <= 3; failures += 1) {
    const tried = await attempt();
    expect(tried).toMatchObject({ failure: { code: 'refresh_failed' }, decision: { retry: true } });
    expect(server.tokenCalls).toHaveLength(failures);
    await attempt();
    expect(server.tokenCalls).toHaveLength(failures);
    pass(10);
  }
  server.refusals.length = 0;
  pass(10);
  expect(await process.call(connection)).toBe(200);
  expect(await stateOf(id)).toMatchObject({ refresh_failures: 0, refresh_error: null, auth_failed_at: null });
});

test('a refresh asked for by hand does not wait for the back-off (U050)', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open();
  pass(3_600);
  server.refusals.push({ status: 503, body: '' });
  const connection = await process.load(id);
  await expect(process.call(connection)).rejects.toMatchObject({ code: 'refresh_failed' });
  await process.authorizer.keeper.refresh(connection, 'asked');
  expect(await process.call(connection)).toBe(200);
  expect(server.tokenCalls).toHaveLength(2);
});

test('a refused client is not the end of the grant', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open();
  pass(3_600);
  server.refusals.push({ status: 401, body: '{"error":"invalid_client"}' });
  const connection = await process.load(id);
  await expect(process.call(connection)).rejects.toMatchObject({ code: 'refresh_failed' });
  expect(await stateOf(id)).toMatchObject({ auth_failed_at: null, refresh_failures: 1 });
  pass(120);
  expect(await process.call(connection)).toBe(200);
});

test('a holder that was overtaken writes nothing: the newer credentials stand (U045)', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open();
  const connection = await process.load(id);
  pass(3_600);
  server.latencyMs = 200;
  const slow = process.authorizer.keeper.refresh(connection, 'due');
  for (; server.tokenCalls.length === 0; ) await new Promise((resolve) => setImmediate(resolve));
  // Somebody signs in again while the provider thinks.
  await database.pool.query('update connections set credentials_version = 7, refresh_at = null where id = $1', [id]);
  expect(await slow).toMatchObject({ version: 7, credentials: connection.credentials });
});

test('a holder that freezes is passed by, and what it writes afterwards is refused (U045)', async () => {
  const id = await seedGrant(database, server, clock);
  const frozen = createCredentialVault({
    db: database.pool,
    holds: database.open(1),
    box: TEST_BOX,
    longestHoldMs: 200,
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const hold = frozen.exclusively(id, () => {
    held.resolve();
    return promise;
  });
  hold.catch(() => undefined);
  await held.promise;
  const process = open();
  const connection = await process.load(id);
  pass(3_600);
  const renewed = await process.authorizer.keeper.refresh(connection, 'due');
  expect(renewed.version).toBe(2);
  const granted = { credentials: { access_token: 'late' }, expiresAt: null, refreshAt: null };
  expect(await frozen.keep(id, 1, granted, clock.now)).toBe(false);
  resolve();
  await expect(hold).rejects.toThrow();
  expect((await process.load(id)).credentials).toEqual(renewed.credentials);
});

test('new tokens are kept although Postgres goes away before the write', async () => {
  const id = await seedGrant(database, server, clock);
  const process = open();
  const connection = await process.load(id);
  pass(3_600);
  server.latencyMs = 300;
  const refreshed = process.authorizer.keeper.refresh(connection, 'due');
  for (; server.tokenCalls.length === 0; ) await new Promise((resolve) => setImmediate(resolve));
  const name = new URL(database.url).pathname.slice(1);
  const admin = openDatabase(database.url.replace(name, 'postgres'), { max: 1, onLost: () => {} });
  await admin.query(`alter database ${name} with allow_connections false`);
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
  for (; process.events.length === 0; ) await new Promise((resolve) => setImmediate(resolve));
  await admin.query(`alter database ${name} with allow_connections true`);
  await admin.end();
  expect(await refreshed).toMatchObject({ version: 2 });
  expect(process.events.map(([event]) => event)).toEqual(expect.arrayContaining(['connection.keep_postponed']));
  expect(await process.call(await process.load(id))).toBe(200);
  expect([server.tokenCalls.length, server.reuses]).toEqual([1, 0]);
});

test('two grants in one connection are both refreshed, and the first is kept although the second fails (U057)', async () => {
  const user = server.grant();
  const bot = server.grant();
  const id = await seedGrant(database, server, clock, {
    credentials: { ...user, raw: { ...bot, authed_user: user } },
  });
  const process = open({ alternate_access_token_response_path: 'authed_user.access_token' });
  await process.authorizer.keeper.refresh(await process.load(id), 'asked');
  expect(server.tokenCalls.map(({ params }) => params.get('refresh_token'))).toEqual([
    bot.refresh_token,
    user.refresh_token,
  ]);
  const { credentials } = await process.load(id);
  const raw = credentials['raw'] as { access_token: string; authed_user: { access_token: string } };
  expect(credentials['access_token']).toBe(raw.authed_user.access_token);
  expect([bot.access_token, user.access_token]).not.toContain(raw.access_token);
  const before = await process.load(id);
  expect(await process.call(before)).toBe(200);
  server.reshape = (answer) => {
    server.refusals.push({ status: 503, body: '' });
    return answer;
  };
  await expect(process.authorizer.keeper.refresh(before, 'asked')).rejects.toMatchObject({ code: 'refresh_failed' });
  const after = await process.load(id);
  expect(after.version).toBe((before.version ?? 0) + 1);
  expect(after.credentials['access_token']).toBe(before.credentials['access_token']);
  server.reshape = (answer) => answer;
  await process.authorizer.keeper.refresh(after, 'asked');
  expect(server.reuses).toBe(0);
});
