import { beforeAll, expect, test } from '@jest/globals';
import { TASK_QUEUES } from '../../contract/engine.ts';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { createApiKey, ensureEnvironment } from '../../store/environments.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const BACKLOG = 60;
/**
 * Tasks that were handed out, or were on their way to the only slot, when the other environment's came, and those that
 * Temporal's estimate of shares lets go before it. Without shares it would be the last of all.
 */
const ON_THE_WAY = 45;
const connections = Array.from({ length: BACKLOG }, (_, at) => `many-${at}`);

const upstream = useUpstream();
const platform = usePlatform({ NANGO_SYNC_SLOTS: '1' });
let prod = { apiUrl: '', key: '' };

beforeAll(async () => {
  const { db } = platform.engine;
  const { id } = await ensureEnvironment(db, 'prod', new Date());
  prod = { apiUrl: platform.caller.apiUrl, key: await createApiKey(db, id, new Date()) };
  const source = `
export default async function fetchData(nango: any) {
  await nango.get({ endpoint: '/' + nango.connectionId, baseUrlOverride: '${upstream.url}' });
}`;
  for (const caller of [platform.caller, prod]) {
    await createIntegration(caller, 'tracker', 'example-tracker');
    for (const connection of caller === prod ? ['single'] : connections) {
      await createConnection(caller, 'tracker', connection);
    }
    await deployScripts(caller, 'tracker', [{ name: 'tasks', source }]);
  }
}, 120_000);

test('a backlog of one environment delays the single sync of another by its share, not by all of it', async () => {
  const isFull = Promise.withResolvers<void>();
  const mayGoOn = Promise.withResolvers<void>();
  upstream.handleWith(async () => {
    isFull.resolve();
    await mayGoOn.promise;
    return { json: {} };
  });
  const body = { syncs: ['tasks'], provider_config_key: 'tracker' };
  type Triggered = { readonly runs: readonly { readonly run_id: string }[] };
  const { runs } = await call<Triggered>(platform.caller, 'POST', '/sync/trigger', body);
  expect(runs).toHaveLength(BACKLOG);
  await isFull.promise;
  await untilWaiting(BACKLOG - 1);
  const single = await call<Triggered>(prod, 'POST', '/sync/trigger', body);
  await untilWaiting(BACKLOG);
  mayGoOn.resolve();
  await endedRun({ ...platform, caller: prod }, single.runs[0]?.run_id ?? '');
  await Promise.all(runs.map(({ run_id }) => endedRun(platform, run_id)));
  const order = upstream.requests.map(({ url }) => url);
  expect(order).toHaveLength(BACKLOG + 1);
  expect(order.indexOf('/single')).toBeLessThan(ON_THE_WAY);
}, 240_000);

/** `TASK_QUEUE_TYPE_ACTIVITY` of Temporal's API. */
const ACTIVITY = 2;

/** Until so many activities stand in the queue, as Temporal counts them. */
async function untilWaiting(wanted: number): Promise<void> {
  const { client } = platform.engine;
  const queue = { taskQueue: { name: TASK_QUEUES.syncs }, taskQueueType: ACTIVITY, reportStats: true };
  for (;;) {
    const { stats } = await client.workflowService.describeTaskQueue({ namespace: 'default', ...queue });
    if (Number(stats?.approximateBacklogCount ?? 0) >= wanted) return;
  }
}
