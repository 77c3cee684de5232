import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const platform = usePlatform();
const upstream = useUpstream();

const INTEGRATION = 'inbound';
let address = '';

/** The list is fetched and saved whole; a webhook tells the application's API first and saves one record. */
const source = () => `
export default async function fetchData(nango: any) {
  const { data } = await nango.get({ endpoint: '/list', baseUrlOverride: '${upstream.url}', retries: 0 });
  await nango.batchSave(data.map((id: string) => ({ id })), 'Task');
}
export async function onWebhookPayloadReceived(nango: any, payload: any) {
  await nango.post({ endpoint: '/heard/' + payload.number, baseUrlOverride: '${upstream.url}', retries: 0 });
  await nango.batchSave([{ id: 'hook-' + payload.number }], 'Task');
}`;

beforeAll(async () => {
  await createIntegration(platform.caller, INTEGRATION, 'example-tracker');
  const path = `/integrations/${INTEGRATION}?include=webhook`;
  address = (await call<{ data: { webhook_url: string } }>(platform.caller, 'GET', path)).data.webhook_url;
});

/** A connection of its own, with the sync, which nothing starts but the test; unpaused, so that it hears webhooks. */
async function connect(connection: string, name: string): Promise<void> {
  await createConnection(platform.caller, INTEGRATION, connection);
  const script = { name, source: source(), trackDeletes: true, autoStart: false, webhookSubscriptions: ['changed'] };
  await deployScripts(platform.caller, INTEGRATION, [script]);
  await platform.engine.db.query(
    `update syncs y set paused = false from connections c where c.id = y.connection_id and c.connection_id = $1`,
    [connection],
  );
}

async function hook(connectionId: string, number: number): Promise<void> {
  const body = JSON.stringify({ type: 'changed', connectionId, id: `${connectionId}-${number}`, number });
  const answer = await fetch(address, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  expect(answer.status).toBe(200);
}

type Run = { readonly id: string; readonly kind: string; readonly state: string };
function handled(connection: string, count: number): Promise<readonly Run[]> {
  return until(`${count} handled webhooks of ${connection}`, async () => {
    const { runs } = await call<{ runs: Run[] }>(platform.caller, 'GET', `/runs?connection_id=${connection}`);
    const done = runs.filter(({ kind, state }) => kind === 'webhook' && state === 'success');
    return done.length >= count && done;
  });
}

async function tasks(connection: string): Promise<string[]> {
  const headers = {
    authorization: `Bearer ${platform.caller.key}`,
    'provider-config-key': INTEGRATION,
    'connection-id': connection,
  };
  const answer = await fetch(`${platform.caller.apiUrl}/records?model=Task&filter=added,updated`, { headers });
  const { records } = (await answer.json()) as { records: { id: string }[] };
  return records.map(({ id }) => id).sort();
}

test('webhooks of a connection are handled in order, and one that fails holds back none behind it', async () => {
  await connect('ordered', 'numbers');
  const heard: number[] = [];
  upstream.handleWith(({ url }) => {
    const number = Number(url.slice('/heard/'.length));
    heard.push(number);
    // The second one cannot succeed before all behind it have come.
    return { status: number === 2 && !heard.includes(5) ? 500 : 200, json: {} };
  });
  for (const number of [1, 2, 3, 4, 5]) await hook('ordered', number);
  await handled('ordered', 5);
  expect(heard.filter((number) => number !== 2)).toEqual([1, 3, 4, 5]);
  expect(heard.indexOf(2)).toBeLessThan(heard.indexOf(3));
  expect(heard.at(-1)).toBe(2);
  expect(await tasks('ordered')).toEqual(['hook-1', 'hook-2', 'hook-3', 'hook-4', 'hook-5']);
});

test('what a webhook saves while a full sync runs is not taken for deleted', async () => {
  await connect('beside', 'tasks');
  const sync = { integration: INTEGRATION, connection: 'beside', name: 'tasks' };
  upstream.handleWith(() => ({ json: ['a', 'b', 'c', 'd'] }));
  await endedRun(platform, await triggerSync(platform, sync));
  const asked = Promise.withResolvers<void>();
  const saved = Promise.withResolvers<void>();
  upstream.handleWith(async ({ url }) => {
    if (url !== '/list') return { json: {} };
    asked.resolve();
    await saved.promise;
    return { json: ['a', 'b', 'c'] };
  });
  const runId = await triggerSync(platform, sync);
  await asked.promise;
  await hook('beside', 9);
  await handled('beside', 1);
  saved.resolve();
  expect((await endedRun(platform, runId)).counts['Task']).toMatchObject({ deleted: 1 });
  expect(await tasks('beside')).toEqual(['a', 'b', 'c', 'hook-9']);
});

test('a webhook that was taken in before the engine stopped is handled when it is back', async () => {
  await connect('stopped', 'later');
  upstream.handleWith(() => ({ json: {} }));
  await hook('stopped', 7);
  await platform.stop();
  await platform.start();
  await handled('stopped', 1);
  expect(await tasks('stopped')).toEqual(['hook-7']);
});
