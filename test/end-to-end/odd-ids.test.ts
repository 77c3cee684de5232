/** Connections by every odd id that is allowed: scheduled, run, read, told of and deleted as any other. */
import { beforeAll, expect, test } from '@jest/globals';
import { scheduleId } from '../../contract/ids.ts';
import { call, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const platform = usePlatform();
const application = useUpstream();
const INTEGRATION = 'odd';
const SYNC = 'own-name';
const IDS = [
  'a/b',
  '../c',
  'a:b:base',
  `it's "q"`,
  '{x}$|~+[]',
  'back\\slash',
  'a b',
  '..',
  `x' or '1'='1`,
  'a,b;c=d@e|f',
];

const SOURCE = `
export default async function fetchData(nango: any) {
  await nango.batchSave([{ id: nango.connectionId, of: nango.connectionId }], 'Task');
}`;
const ACTION = `export default async function runAction(nango: any) { return { of: nango.connectionId }; }`;

beforeAll(async () => {
  await createIntegration(platform.caller, INTEGRATION, 'example-tracker');
  for (const connection_id of IDS) {
    const credentials = { type: 'API_KEY', apiKey: 'k' };
    await call(platform.caller, 'POST', '/connections', {
      provider_config_key: INTEGRATION,
      connection_id,
      credentials,
    });
  }
  await deployScripts(platform.caller, INTEGRATION, [
    { name: SYNC, source: SOURCE, autoStart: false },
    { name: 'who', source: ACTION, type: 'action' },
  ]);
  await call(platform.caller, 'PATCH', '/environment/webhooks', { primary_url: `${application.url}/hook` });
});

const of = (connection: string) => ({ 'provider-config-key': INTEGRATION, 'connection-id': connection });
const scheduled = async (connection: string): Promise<boolean> => {
  const id = scheduleId({ environment: 'dev', integration: INTEGRATION, connection, sync: SYNC, variant: 'base' });
  const handle = platform.engine.client.schedule.getHandle(id);
  return handle.describe().then(
    () => true,
    () => false,
  );
};

test.each(IDS)('the connection %j syncs, acts, is told of and leaves nothing', async (connection) => {
  const heard = Promise.withResolvers<unknown>();
  application.handleWith(({ body }) => {
    heard.resolve(JSON.parse(body.toString()).connectionId);
    return { status: 200 };
  });
  const run = await runSync(platform, { integration: INTEGRATION, connection, name: SYNC });
  expect(run).toMatchObject({ state: 'success', connection_id: connection, counts: { Task: { added: 1 } } });
  const get = (path: string) =>
    call<{ records: object[] }>(platform.caller, 'GET', path, undefined, [], of(connection));
  expect((await get('/records?model=Task')).records).toMatchObject([{ id: connection, of: connection }]);
  expect(await heard.promise).toBe(connection);

  const answer = await fetch(`${platform.caller.apiUrl}/action/trigger`, {
    method: 'POST',
    headers: { ...of(connection), authorization: `Bearer ${platform.caller.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ action_name: 'who', input: {} }),
  });
  expect(await answer.json()).toEqual({ of: connection });

  const body = { syncs: [SYNC], provider_config_key: INTEGRATION, connection_id: connection };
  await call(platform.caller, 'POST', '/sync/start', body);
  const query = new URLSearchParams({ syncs: SYNC, provider_config_key: INTEGRATION, connection_id: connection });
  const { syncs } = await call<{ syncs: object[] }>(platform.caller, 'GET', `/sync/status?${query}`);
  expect(syncs).toMatchObject([{ connection_id: connection, name: SYNC, nextScheduledSyncAt: expect.any(String) }]);
  expect(await scheduled(connection)).toBe(true);

  const byId = `/runs?${new URLSearchParams({ connection_id: connection })}`;
  const { runs } = await call<{ runs: { connection_id: string }[] }>(platform.caller, 'GET', byId);
  expect(new Set(runs.map((one) => one.connection_id))).toEqual(new Set([connection]));

  // No client asks for a path of dots: its URL parser takes it for a step up.
  if (connection === '..') return;
  const path = `/connections/${encodeURIComponent(connection)}?provider_config_key=${INTEGRATION}`;
  await call(platform.caller, 'DELETE', path);
  expect(await scheduled(connection)).toBe(false);
  const left = await platform.engine.db.query(`select from records where payload::text like '%' || $1 || '%'`, [
    JSON.stringify(connection).slice(1, -1),
  ]);
  expect(left.rowCount).toBe(0);
});
