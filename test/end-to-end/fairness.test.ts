import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { TASK_QUEUES } from '../../contract/engine.ts';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { createApiKey, ensureEnvironment } from '../../store/environments.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const BACKLOG = 30;
/** The one that holds the only slot, and one that Temporal may have handed out before it counted the other environment's. */
const ON_THE_WAY = 2;
const connections = Array.from({ length: BACKLOG }, (_, at) => `many-${at}`);

const upstream = useUpstream();
// Each partition of a queue is fair by itself, and which of them (four, if nothing is said) a worker asks next is chance.
const ONE_PARTITION = ['matching.numTaskqueueReadPartitions=1', 'matching.numTaskqueueWritePartitions=1'];
const platform = usePlatform({ NANGO_SYNC_SLOTS: '1' }, {}, ONE_PARTITION);
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
  await untilAsked(single.runs[0]?.run_id ?? '');
  mayGoOn.resolve();
  await endedRun({ ...platform, caller: prod }, single.runs[0]?.run_id ?? '');
  await Promise.all(runs.map(({ run_id }) => endedRun(platform, run_id)));
  const order = upstream.requests.map(({ url }) => url);
  expect(order).toHaveLength(BACKLOG + 1);
  expect(order.indexOf('/single')).toBeLessThanOrEqual(ON_THE_WAY);
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
    await delay(20);
  }
}

/** Until the run's workflow has asked for its activity: the count of the queue is an estimate and may be one too high. */
async function untilAsked(runId: string): Promise<void> {
  const { client, db } = platform.engine;
  const { rows } = await db.query<{ id: string }>('select workflow_id as id from runs where id = $1::text', [runId]);
  const handle = client.workflow.getHandle(rows[0]?.id ?? '');
  while (((await handle.describe()).raw.pendingActivities?.length ?? 0) === 0) await delay(20);
}
