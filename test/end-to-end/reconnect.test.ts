/** Signing in again, through the flow a person takes: connect, sync, lose the grant, reconnect, go on. */
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { CLIENT } from '../../bench/upstream/authorization-server.ts';
import { call } from '../../platform/example.ts';
import { useAuthorizationServer } from '../support/authorization-server.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, runSync, usePlatform } from '../support/platform.ts';

const server = useAuthorizationServer();
const platform = usePlatform({
  NANGO_PROVIDERS_FILE: fileURLToPath(new URL('../fixtures/api/providers.yaml', import.meta.url)),
});

const INTEGRATION = 'crm';
/** Saves a record of its own each time, and says since when it looks. */
const SYNC = `
export default async function fetchData(nango: any) {
  await nango.get({ endpoint: '/me' });
  const runs = ((await nango.getCheckpoint()) ?? { runs: 0 }).runs + 1;
  await nango.batchSave([{ id: 'r' + runs, since: nango.lastSyncDate ? 'last' : 'ever' }], 'Task');
  await nango.saveCheckpoint({ runs });
}`;

type Connection = { id: number; connection_id: string; metadata: unknown; end_user: { id: string }; errors: unknown[] };
type Page = { records: { id: string; since: string }[]; next_cursor: string | null };

/** The way of a person's browser: to the provider, and back to the callback. */
async function signIn(session: { data: { token: string } }): Promise<string> {
  const { apiUrl } = platform.caller;
  const search = new URLSearchParams({ connect_session_token: session.data.token, 'params[server]': server.url });
  let next = `${apiUrl}/oauth/connect/${INTEGRATION}?${search}`;
  for (;;) {
    const answer = await fetch(next, { redirect: 'manual' });
    if (answer.status !== 302) return ((await answer.json()) as { connectionId: string }).connectionId;
    next = answer.headers.get('location') ?? '';
  }
}

const ask = <T>(path: string, headers: Record<string, string> = {}) =>
  call<T>(platform.caller, 'GET', path, undefined, [], headers);
const connectionOf = (id: string) => ask<Connection>(`/connections/${id}?provider_config_key=${INTEGRATION}`);
const recordsOf = (id: string, query: string) =>
  ask<Page>(`/records?model=Task&${query}`, { 'provider-config-key': INTEGRATION, 'connection-id': id });
const cursorOf = async (id: string) =>
  (await recordsOf(id, 'limit=1')).records
    .map((record) => (record as unknown as { _nango_metadata: { cursor: string } })._nango_metadata.cursor)
    .at(-1) ?? '';

test('reconnect keeps id, metadata and records: a reader goes on from its cursor, and the sync from where it was', async () => {
  const { caller } = platform;
  const credentials = { type: 'OAUTH2', client_id: CLIENT.id, client_secret: CLIENT.secret };
  await call(caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: 'oauth-server', credentials });
  await deployScripts(caller, INTEGRATION, [{ name: 'tasks', source: SYNC, autoStart: true }]);
  const id = await signIn(await call(caller, 'POST', '/connect/sessions', { end_user: { id: 'ada' } }));
  const { runs } = await ask<{ runs: { id: string }[] }>(`/runs?provider_config_key=${INTEGRATION}`);
  expect(await endedRun(platform, runs[0]?.id ?? '')).toMatchObject({ state: 'success', started_by: 'creation' });
  const named = { provider_config_key: INTEGRATION, connection_id: id };
  await call(caller, 'POST', '/connections/metadata', { ...named, metadata: { team: 'x' } });
  const before = await connectionOf(id);
  const cursor = await cursorOf(id);

  server.revokeAll();
  server.expireAll();
  const sync = { integration: INTEGRATION, connection: id, name: 'tasks' };
  expect(await runSync(platform, sync)).toMatchObject({ state: 'failed' });
  expect((await connectionOf(id)).errors).toMatchObject([{ type: 'auth' }]);

  const session = { connection_id: id, integration_id: INTEGRATION, end_user: { id: 'ada' } };
  expect(await signIn(await call(caller, 'POST', '/connect/sessions/reconnect', session))).toBe(id);
  const after = await connectionOf(id);
  expect(after).toMatchObject({ id: before.id, metadata: { team: 'x' }, end_user: { id: 'ada' }, errors: [] });
  expect((await ask<{ connections: unknown[] }>('/connections')).connections).toHaveLength(1);
  expect((await recordsOf(id, '')).records).toMatchObject([{ id: 'r1', since: 'ever' }]);
  expect(await recordsOf(id, `cursor=${encodeURIComponent(cursor)}`)).toMatchObject({ records: [] });
  expect(await runSync(platform, sync)).toMatchObject({ state: 'success', counts: { Task: { added: 1 } } });
  const { records } = await recordsOf(id, `cursor=${encodeURIComponent(cursor)}`);
  expect(records).toMatchObject([{ id: 'r2', since: 'last' }]);
  const handle = platform.engine.client.schedule.getHandle(`sync:dev:${INTEGRATION}:${id}:tasks`);
  expect((await handle.describe()).state.paused).toBe(false);
}, 90_000);
