import { beforeAll, expect, test } from '@jest/globals';
import { TASK_QUEUES } from '../../contract/engine.ts';
import { type Caller, call, createConnection, createIntegration } from '../../platform/example.ts';
import { createApiKey, ensureEnvironment } from '../../store/environments.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { type RunJson, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

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
    await deployScripts(caller, 'tracker', [{ name: 'tasks', source, autoStart: true, runs: 'every day' }]);
  }
  // A sync that was never started lets its schedule's ticks pass; starting one runs it.
  const text = `select from runs where state = 'success'`;
  await until('first run of each', async () => (await db.query(text)).rowCount === BACKLOG + 1);
}, 120_000);

type Triggered = { readonly runs: readonly { readonly run_id: string }[] };

/** Ways in which all syncs of an environment begin at once; each answers their workflows. */
const BURSTS = {
  triggered: async (caller: Caller): Promise<readonly string[]> => {
    const body = { syncs: ['tasks'], provider_config_key: 'tracker' };
    const { runs } = await call<Triggered>(caller, 'POST', '/sync/trigger', body);
    return Promise.all(runs.map(async ({ run_id }) => (await runOf(caller, run_id)).workflow_id));
  },
  // As when they are due: a schedule cannot say whose share its workflows are.
  scheduled: (caller: Caller): Promise<readonly string[]> =>
    Promise.all(
      (caller === prod ? ['single'] : connections).map((name) => tick(caller === prod ? 'prod' : 'dev', name)),
    ),
} as const;

test.each(Object.keys(BURSTS) as (keyof typeof BURSTS)[])(
  'a backlog of %s syncs of one environment delays the single one of another by its share, not by all of it',
  async (kind) => {
    const isFull = Promise.withResolvers<void>();
    const mayGoOn = Promise.withResolvers<void>();
    const order: string[] = [];
    upstream.handleWith(async ({ url }) => {
      order.push(url);
      isFull.resolve();
      await mayGoOn.promise;
      return { json: {} };
    });
    const many = await BURSTS[kind](platform.caller);
    expect(new Set(many).size).toBe(BACKLOG);
    await isFull.promise;
    await untilWaiting(BACKLOG - 1);
    const [single = ''] = await BURSTS[kind](prod);
    await untilWaiting(BACKLOG);
    await untilAsked(single);
    mayGoOn.resolve();
    const { workflow } = platform.engine.client;
    await Promise.all([single, ...many].map((workflowId) => workflow.getHandle(workflowId).result()));
    expect(order).toHaveLength(BACKLOG + 1);
    expect(order.indexOf('/single')).toBeLessThanOrEqual(ON_THE_WAY);
  },
  240_000,
);

function runOf(caller: Caller, runId: string): Promise<RunJson> {
  return call<RunJson>(caller, 'GET', `/runs/${runId}`);
}

/** Lets a sync's schedule start a workflow now; answers its id. */
async function tick(environment: string, connection: string): Promise<string> {
  const schedule = platform.engine.client.schedule.getHandle(`sync:${environment}:tracker:${connection}:tasks`);
  const before = (await schedule.describe()).info.numActionsTaken;
  await schedule.trigger();
  const { workflow } = await until(`workflow of ${connection}'s schedule`, async () => {
    const { numActionsTaken, recentActions } = (await schedule.describe()).info;
    const action = recentActions.at(-1)?.action;
    return numActionsTaken > before && action?.type === 'startWorkflow' && action;
  });
  return workflow.workflowId;
}

/** `TASK_QUEUE_TYPE_ACTIVITY` of Temporal's API. */
const ACTIVITY = 2;

/** Until so many activities stand in the queue, as Temporal counts them. */
async function untilWaiting(wanted: number): Promise<void> {
  const { client } = platform.engine;
  const queue = { taskQueue: { name: TASK_QUEUES.syncs }, taskQueueType: ACTIVITY, reportStats: true };
  await until(`backlog of ${wanted}`, async () => {
    const { stats } = await client.workflowService.describeTaskQueue({ namespace: 'default', ...queue });
    return Number(stats?.approximateBacklogCount ?? 0) >= wanted;
  });
}

/** Until the workflow has asked for its activity: the count of the queue is an estimate and may be one too high. */
async function untilAsked(workflowId: string): Promise<void> {
  const handle = platform.engine.client.workflow.getHandle(workflowId);
  await until(`activity of ${workflowId}`, async () => (await handle.describe()).raw.pendingActivities?.[0]);
}
