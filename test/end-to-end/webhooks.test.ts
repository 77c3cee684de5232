import { createHash, createHmac } from 'node:crypto';
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { type UpstreamRequest, useUpstream } from '../support/upstream.ts';

const platform = usePlatform({ NANGO_SCRIPT_CPU_MS: '1000' });
const application = useUpstream();
const refusing = useUpstream();
let signingKey = '';

const SYNC = { integration: 'task-tracker', connection: 'acme', name: 'numbers' };
const SOURCE = `
export default async function fetchData(nango: any) {
  const { fail, loops, asks, ids } = (await nango.getMetadata()) ?? {};
  if (fail) throw new Error('told to fail');
  if (loops) for (;;);
  if (asks) await nango.get({ endpoint: '/', baseUrlOverride: asks, retries: 0 });
  await nango.batchSave((ids ?? []).map((id: number) => ({ id: String(id), at: Date.now() })), 'Task');
}`;

beforeAll(async () => {
  await createIntegration(platform.caller, SYNC.integration, 'example-tracker');
  await createConnection(platform.caller, SYNC.integration, SYNC.connection);
  await deployScripts(platform.caller, SYNC.integration, [{ name: SYNC.name, source: SOURCE }]);
  const { data } = await call<{ data: { signing_key: string } }>(platform.caller, 'PATCH', '/environment/webhooks', {
    primary_url: `${application.url}/hook`,
  });
  signingKey = data.signing_key;
});

const bodies = () => application.requests.map(({ body }) => JSON.parse(body.toString()) as Record<string, unknown>);

/** Resolves with the requests once there are so many. */
let arrived: (requests: readonly UpstreamRequest[]) => unknown = () => undefined;
const requests = (count: number) =>
  new Promise<readonly UpstreamRequest[]>((resolve) => {
    arrived = (all) => {
      if (all.length >= count) resolve(all);
    };
    arrived(application.requests);
  });

let statuses: number[] = [];
beforeEach(() => {
  statuses = [];
  application.handleWith(() => {
    arrived(application.requests);
    return { status: statuses.shift() ?? 200 };
  });
});

async function metadata(value: unknown, connection = SYNC.connection): Promise<void> {
  await call(platform.caller, 'POST', '/connections/metadata', {
    connection_id: connection,
    provider_config_key: SYNC.integration,
    metadata: value,
  });
}

test('the application hears of a sync that changed records, signed', async () => {
  await metadata({ ids: [1, 2] });
  const run = await runSync(platform, SYNC);
  expect(run.state).toBe('success');
  const [request] = await requests(1);
  const body = request?.body.toString() ?? '';
  expect(JSON.parse(body)).toMatchObject({
    from: 'nango',
    type: 'sync',
    connectionId: 'acme',
    syncName: 'numbers',
    model: 'Task',
    success: true,
    responseResults: { added: 2, updated: 0, deleted: 0 },
    sequence: expect.any(Number),
  });
  expect(request?.headers).toMatchObject({
    'content-type': 'application/json',
    'x-nango-signature': createHash('sha256')
      .update(signingKey + body)
      .digest('hex'),
    'x-nango-hmac-sha256': createHmac('sha256', signingKey).update(body).digest('hex'),
  });
});

test('the application hears of a failed sync, with its error', async () => {
  await metadata({ fail: true });
  expect((await runSync(platform, SYNC)).state).toBe('failed');
  await requests(1);
  expect(bodies()).toMatchObject([
    { success: false, error: { type: 'script_failed', description: expect.stringContaining('told to fail') } },
  ]);
});

test('a webhook that the application fails to take is sent again, the same bytes (U098)', async () => {
  statuses = [500];
  await metadata({ ids: [3] });
  await runSync(platform, SYNC);
  const [first, second] = await requests(2);
  expect(second?.body.equals(first?.body ?? Buffer.of())).toBe(true);
  expect(second?.headers['x-nango-delivery']).toBe(first?.headers['x-nango-delivery']);
});

test('one that fails does not hold back those after it', async () => {
  statuses = [503];
  await metadata({ ids: [4] });
  await runSync(platform, SYNC);
  await requests(1);
  await metadata({ ids: [5] });
  await runSync(platform, SYNC);
  const [failed] = await requests(2);
  const [first, second] = bodies().map(({ sequence }) => Number(sequence));
  expect(second).toBe((first ?? 0) + 1);
  // Its next attempt must not fall into another test.
  const delivery = failed?.headers['x-nango-delivery'];
  await platform.event(({ event, fields }) => event === 'webhook.ended' && fields['delivery'] === delivery);
});

test('410 ends a delivery, and a replay sends it again', async () => {
  statuses = [410];
  await metadata({ ids: [6] });
  const run = await runSync(platform, SYNC);
  await platform.event(({ event, fields }) => event === 'webhook.ended' && fields['state'] === 'refused');
  const { deliveries } = await call<{ deliveries: { id: string; run_id: string; state: string }[] }>(
    platform.caller,
    'GET',
    '/webhooks/deliveries?state=refused',
  );
  expect(deliveries).toMatchObject([{ run_id: run.id, state: 'refused' }]);
  await call(platform.caller, 'POST', `/webhooks/deliveries/${deliveries[0]?.id}/replay`);
  const [first, again] = await requests(2);
  expect(again?.body.equals(first?.body ?? Buffer.of())).toBe(true);
});

test('webhooks of one connection arrive in order while they succeed', async () => {
  for (let id = 10; id < 16; id++) {
    await metadata({ ids: [id] });
    await runSync(platform, SYNC);
  }
  await requests(6);
  const order = bodies().map(({ sequence }) => Number(sequence));
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test.each([
  ['runs out of time', () => ({ loops: true }), 'script_timed_out'],
  ['is refused by the API', () => ({ asks: refusing.url }), 'script_failed'],
])('U097: a third run that %s is told of as incremental, the first one as initial', async (what, how, code) => {
  const sync = { ...SYNC, connection: what };
  refusing.handleWith(() => ({ status: 401 }));
  await createConnection(platform.caller, SYNC.integration, sync.connection);
  for (const given of [{ ids: [1] }, { ids: [2] }, how()]) {
    await metadata(given, sync.connection);
    await runSync(platform, sync);
  }
  // That of the connection's creation comes besides, and what an earlier test left to be tried again.
  const told = () => bodies().filter(({ connectionId, type }) => connectionId === what && type === 'sync');
  await new Promise<void>((resolve) => {
    arrived = () => told().length >= 3 && resolve();
    arrived(application.requests);
  });
  expect(told()).toMatchObject([
    { syncType: 'INITIAL', success: true },
    { syncType: 'INCREMENTAL', success: true },
    { syncType: 'INCREMENTAL', success: false, error: { type: code } },
  ]);
});
