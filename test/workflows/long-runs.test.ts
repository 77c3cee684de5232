import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { Client, ScheduleOverlapPolicy } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import type { Activities } from '../../activities/index.ts';
import { putSchedule } from '../../activities/schedules.ts';
import { isOpenWorkflow } from '../../activities/workflow-state.ts';
import { TASK_QUEUES } from '../../contract/engine.ts';
import type { SyncInput, SyncStep } from '../../contract/sync.ts';
import { registerSearchAttributes } from '../../runtime/temporal-setup.ts';
import type { Sync } from '../../store/syncs.ts';
import type { syncWorkflow } from '../../workflows/index.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { useTemporal } from '../support/temporal.ts';
import { useTimeSkipping } from '../support/time-skipping.ts';
import { until } from '../support/until.ts';

const FINISHED: SyncStep = { status: 'finished', runId: 'r1', counts: {} };
const HOUR_MS = 3_600_000;

const time = useTimeSkipping();
// Its timers take up to a second each: histories count as long after few waits.
const temporal = useTemporal(['limit.historyCount.suggestContinueAsNew=12']);

test('a run of 600 waits of an hour continues as a new workflow on its way, as the same run', async () => {
  const inputs: SyncInput[] = [];
  const workflows = new Set<string | undefined>();
  const runScript = async (input: SyncInput): Promise<SyncStep> => {
    inputs.push(input);
    workflows.add(Context.current().info.workflowExecution?.runId);
    if (inputs.length > 600) return FINISHED;
    const resumeAt = new Date((await time.env.currentTimeMs()) + HOUR_MS).toISOString();
    return { status: 'waiting', runId: 'r1', resumeAt, reason: 'rate limit' };
  };
  const begunAt = await time.env.currentTimeMs();
  const result = await time.withWorker({ runScript }, (taskQueue) =>
    time.env.client.workflow.execute<typeof syncWorkflow>('syncWorkflow', {
      ...{ workflowId: randomUUID(), taskQueue, args: [{ syncId: '1' }] as [SyncInput] },
    }),
  );
  expect(result).toEqual(FINISHED);
  expect((await time.env.currentTimeMs()) - begunAt).toBeGreaterThanOrEqual(600 * HOUR_MS);
  expect(workflows.size).toBe(2);
  expect(inputs.slice(0, 500)).toEqual(Array.from({ length: 500 }, () => ({ syncId: '1' })));
  expect(inputs.slice(500)).toEqual(Array.from({ length: 101 }, () => ({ syncId: '1', runId: 'r1' })));
}, 120_000);

test('U062, U110: the schedule of a sync skips its ticks and triggers while a run that continued as a new workflow is under way', async () => {
  const continued = Promise.withResolvers<string>();
  const released = Promise.withResolvers<void>();
  const runScript = async ({ runId }: SyncInput): Promise<SyncStep> => {
    if (runId === undefined) return { status: 'waiting', runId: 'r1', resumeAt: new Date(0).toISOString(), reason: '' };
    continued.resolve(Context.current().info.workflowExecution?.workflowId ?? '');
    await released.promise;
    return FINISHED;
  };
  // Whatever fails: the worker ends only when its activity does.
  await withWorker({ runScript }, released.resolve, async (client, taskQueue) => {
    const schedule = await client.schedule.create({
      scheduleId: 'sync:long',
      spec: {},
      action: { type: 'startWorkflow', workflowType: 'syncWorkflow', taskQueue, args: [{ syncId: '1' }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP },
    });
    await schedule.trigger(ScheduleOverlapPolicy.SKIP);
    const workflowId = await continued.promise;
    const [first] = (await schedule.describe()).info.recentActions;
    const firstRunId = first?.action.workflow.firstExecutionRunId ?? '';
    expect((await client.workflow.getHandle(workflowId, firstRunId).describe()).status.name).toBe('CONTINUED_AS_NEW');
    expect(await isOpenWorkflow(client, { workflowId, workflowRunId: firstRunId })).toBe(true);
    await schedule.trigger(ScheduleOverlapPolicy.SKIP);
    await until('skipped tick', async () => (await schedule.describe()).info.numActionsSkippedOverlap === 1);
    expect((await schedule.describe()).info.numActionsTaken).toBe(1);
    released.resolve();
    expect(await client.workflow.getHandle(workflowId).result()).toEqual(FINISHED);
    expect(await isOpenWorkflow(client, { workflowId, workflowRunId: firstRunId })).toBe(false);
  });
}, 120_000);

// The report's ten minutes at an interval of 30 s with runs of 100 s, thirty times as fast: Temporal's shortest interval.
const [TICKS, INTERVAL_MS, RUN_MS] = [20, 1_000, 3_333];

const SLOW: Sync = {
  ...{ id: '1', environmentId: '1', environment: 'dev', connectionRow: '1', connectionId: 'acme', variant: 'base' },
  ...{
    providerConfigKey: 'tracker',
    scriptId: '1',
    name: 'slow',
    scheduleId: 'sync:slow',
    models: [],
    bundleHash: 'h',
  },
  ...{ paused: false, held: false, intervalMs: INTERVAL_MS, runs: 'every 30s', autoStart: true, syncType: 'full' },
  ...{ lastSyncDate: null, failures: 0, backsOffUntil: null, revision: 1, scheduledRevision: 1 },
};

test('U062: of a schedule whose runs take longer than its interval never two run at once, and what it skips is counted', async () => {
  let [underWay, most, ended] = [0, 0, 0];
  const closing = new AbortController();
  const runScript = async (): Promise<SyncStep> => {
    underWay += 1;
    most = Math.max(most, underWay);
    await delay(RUN_MS, undefined, { signal: closing.signal }).catch(() => undefined);
    underWay -= 1;
    ended += 1;
    return FINISHED;
  };
  await withWorker(
    { runScript },
    () => closing.abort(),
    async (client) => {
      await putSchedule(client, SLOW);
      const schedule = client.schedule.getHandle(SLOW.scheduleId);
      const taken = async () => (await schedule.describe()).info;
      await until(`tick ${TICKS}`, async () => {
        const { numActionsTaken, numActionsSkippedOverlap } = await taken();
        return numActionsTaken + numActionsSkippedOverlap >= TICKS;
      });
      const { numActionsTaken, numActionsSkippedOverlap } = await taken();
      await schedule.delete();
      expect(most).toBe(1);
      // One that has ended leaves its place to the next tick: none of them is lost.
      expect(numActionsTaken - ended).toBeLessThanOrEqual(1);
      expect(numActionsTaken).toBeGreaterThanOrEqual(Math.floor((TICKS * INTERVAL_MS) / (RUN_MS + 2 * INTERVAL_MS)));
      expect(numActionsSkippedOverlap).toBeGreaterThanOrEqual(2 * numActionsTaken);
    },
    TASK_QUEUES.syncs,
  );
}, 120_000);

/** Runs `work` beside a worker with our workflows and these activities on the dev server, which has schedules. */
async function withWorker(
  activities: Partial<Activities>,
  atEnd: () => void,
  work: (client: Client, taskQueue: string) => Promise<void>,
  taskQueue: string = randomUUID(),
): Promise<void> {
  const connection = await temporal.connect();
  try {
    await registerSearchAttributes(connection, 'default');
    const worker = await Worker.create({
      ...{ connection, taskQueue, activities, workflowBundle: await bundleWorkflows() },
      ...{ workflowThreadPoolSize: 1, reuseV8Context: true },
    });
    await worker.runUntil(work(new Client({ connection }), taskQueue).finally(atEnd));
  } finally {
    await connection.close();
  }
}
