import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { EngineError } from '../../contract/failures.ts';
import type { SyncStep } from '../../contract/sync.ts';
import type { syncWorkflow } from '../../workflows/index.ts';
import { resumeSignal } from '../../workflows/messages.ts';
import { useTimeSkipping } from '../support/time-skipping.ts';

const HOUR_MS = 3_600_000;
const FINISHED: SyncStep = { status: 'finished', runId: 'r1', counts: { Task: { added: 2, updated: 1, deleted: 0 } } };
const HANDED_OVER: SyncStep = { status: 'handedOver', runId: 'r1' };
const FAILED: SyncStep = {
  status: 'failed',
  runId: 'r1',
  failure: { code: 'script_failed', message: 'no such field', location: { file: 'tasks.ts', line: 3, column: 9 } },
};

const time = useTimeSkipping();

test('a waiting run sleeps until its resume time, says so, and goes on', async () => {
  const resumeAt = new Date((await time.env.currentTimeMs()) + 6 * HOUR_MS).toISOString();
  const steps: SyncStep[] = [{ status: 'waiting', runId: 'r1', resumeAt, reason: 'rate limit of acme' }, FINISHED];
  const begunAt: number[] = [];
  const runScript = async (): Promise<SyncStep> => {
    begunAt.push(await time.env.currentTimeMs());
    return steps[begunAt.length - 1] ?? FAILED;
  };
  await time.withWorker({ runScript }, async (queue) => {
    const handle = await start(queue);
    await time.env.sleep('5 hours');
    expect(begunAt).toHaveLength(1);
    expect(await detailsOf(handle)).toBe(`Waiting until ${resumeAt}: rate limit of acme`);
    expect(await handle.result()).toEqual(FINISHED);
    expect(begunAt[1]).toBeGreaterThanOrEqual(Date.parse(resumeAt));
    expect(await detailsOf(handle)).toBe('Task: 2 added, 1 updated, 0 deleted');
  });
});

test('a run that goes on after a wait no longer says that it waits', async () => {
  const resumeAt = new Date((await time.env.currentTimeMs()) + HOUR_MS).toISOString();
  const steps: SyncStep[] = [FINISHED, { status: 'waiting', runId: 'r1', resumeAt, reason: 'rate limit' }];
  const seen: string[] = [];
  const runScript = async (): Promise<SyncStep> => {
    const { workflowExecution } = Context.current().info;
    seen.push(await detailsOf(time.env.client.workflow.getHandle(workflowExecution?.workflowId ?? '')));
    return steps.pop() ?? FAILED;
  };
  await time.withWorker({ runScript }, async (queue) => (await start(queue)).result());
  expect(seen).toEqual(['', '']);
});

test('a paused run waits without a time until it is told to go on', async () => {
  const steps: SyncStep[] = [FINISHED, { status: 'waiting', runId: 'r1', resumeAt: null, reason: 'paused' }];
  await time.withWorker({ runScript: async () => steps.pop() ?? FAILED }, async (queue) => {
    const handle = await start(queue);
    await time.env.sleep('40 days');
    expect(await detailsOf(handle)).toBe('Waiting: paused');
    await handle.signal(resumeSignal);
    expect(await handle.result()).toEqual(FINISHED);
  });
});

test('a run that waits for a time goes on before it when it is told to', async () => {
  const begun = await time.env.currentTimeMs();
  const resumeAt = new Date(begun + 6 * HOUR_MS).toISOString();
  const steps: SyncStep[] = [FINISHED, { status: 'waiting', runId: 'r1', resumeAt, reason: 'rate limit' }];
  const begunAt: number[] = [];
  const runScript = async (): Promise<SyncStep> => {
    begunAt.push(await time.env.currentTimeMs());
    return steps.pop() ?? FAILED;
  };
  await time.withWorker({ runScript }, async (queue) => {
    const handle = await start(queue);
    await time.env.sleep('1 hour');
    await handle.signal(resumeSignal);
    expect(await handle.result()).toEqual(FINISHED);
  });
  expect((begunAt[1] ?? Infinity) - begun).toBeLessThan(2 * HOUR_MS);
});

test('a run told to go on before its workflow knows that it waits goes on, once', async () => {
  const paused: SyncStep = { status: 'waiting', runId: 'r1', resumeAt: null, reason: 'paused' };
  const begun = Promise.withResolvers<void>();
  const told = Promise.withResolvers<void>();
  let starts = 0;
  const runScript = async (): Promise<SyncStep> => {
    starts += 1;
    begun.resolve();
    await told.promise;
    return starts > 2 ? FINISHED : paused;
  };
  await time.withWorker({ runScript }, async (queue) => {
    const handle = await start(queue);
    await begun.promise;
    await handle.signal(resumeSignal);
    told.resolve();
    await time.env.sleep('1 hour');
    expect(starts).toBe(2);
    await handle.signal(resumeSignal);
    expect(await handle.result()).toEqual(FINISHED);
  });
});

test('a run whose resume time has passed goes on at once', async () => {
  const steps: SyncStep[] = [
    FINISHED,
    { status: 'waiting', runId: 'r1', resumeAt: new Date(0).toISOString(), reason: '' },
  ];
  const result = await time.withWorker({ runScript: async () => steps.pop() ?? FAILED }, async (queue) =>
    (await start(queue)).result(),
  );
  expect(result).toEqual(FINISHED);
});

test('a run that was handed over goes on at once', async () => {
  const steps = [FINISHED, HANDED_OVER, HANDED_OVER];
  const begunAt: number[] = [];
  const runScript = async (): Promise<SyncStep> => {
    begunAt.push(await time.env.currentTimeMs());
    return steps.pop() ?? FAILED;
  };
  const result = await time.withWorker({ runScript }, async (queue) => (await start(queue)).result());
  expect(result).toEqual(FINISHED);
  expect(begunAt).toHaveLength(3);
  expect((begunAt[2] ?? Infinity) - (begunAt[0] ?? 0)).toBeLessThan(10_000);
});

test('a failed script fails the workflow with its code and place, and is not run again', async () => {
  let runs = 0;
  const runScript = async () => {
    runs += 1;
    return FAILED;
  };
  const failure = await time.withWorker({ runScript }, (queue) => failureOf(start(queue)));
  expect(failure.cause).toMatchObject({
    type: 'script_failed',
    message: 'no such field',
    details: [{ runId: 'r1', location: { file: 'tasks.ts', line: 3, column: 9 } }],
  });
  expect(runs).toBe(1);
});

test('a run that is skipped says why', async () => {
  const skipped: SyncStep = { status: 'skipped', reason: 'running' };
  await time.withWorker({ runScript: async () => skipped }, async (queue) => {
    const handle = await start(queue);
    expect(await handle.result()).toEqual(skipped);
    expect(await detailsOf(handle)).toBe('Skipped: running');
  });
});

test('a run cancelled while its script runs ends as cancelled, settled by the script’s own activity', async () => {
  const begun = Promise.withResolvers<void>();
  const runScript = async (): Promise<SyncStep> => {
    const { cancelled, heartbeat } = Context.current();
    begun.resolve();
    // The server tells of a cancellation only in answers to heartbeats.
    const ticker = setInterval(() => heartbeat(), 100);
    await cancelled.catch(() => clearInterval(ticker));
    return { status: 'cancelled', runId: 'r1' };
  };
  const settled: string[] = [];
  const settleRun = async ({ workflowId }: { workflowId: string }) => void settled.push(workflowId);
  const failure = await time.withWorker({ runScript, settleRun }, async (queue) => {
    const handle = await start(queue);
    await begun.promise;
    await handle.cancel();
    return failureOf(handle);
  });
  expect(failure.cause).toMatchObject({ name: 'CancelledFailure' });
  expect(settled).toEqual([]);
});

test('a run cancelled while it waits is settled as cancelled', async () => {
  const resumeAt = new Date((await time.env.currentTimeMs()) + 6 * HOUR_MS).toISOString();
  const settled: unknown[] = [];
  const activities = {
    runScript: async (): Promise<SyncStep> => ({ status: 'waiting', runId: 'r1', resumeAt, reason: 'rate limit' }),
    settleRun: async (run: unknown) => void settled.push(run),
  };
  const { failure, workflowId } = await time.withWorker(activities, async (queue) => {
    const handle = await start(queue);
    await time.env.sleep('1 hour');
    await handle.cancel();
    return { failure: await failureOf(handle), workflowId: handle.workflowId };
  });
  expect(failure.cause).toMatchObject({ name: 'CancelledFailure' });
  expect(settled).toEqual([{ workflowId, failure: { code: 'script_aborted', message: 'The run was cancelled' } }]);
});

test('a script run that is lost by heartbeat is begun again, and its late answer counts for nothing', async () => {
  const late = Promise.withResolvers<void>();
  const runScript = async (): Promise<SyncStep> => {
    const { info } = Context.current();
    if (info.attempt > 1) return FINISHED;
    await time.env.sleep('13 seconds');
    await late.promise;
    return FAILED;
  };
  const result = await time.withWorker({ runScript }, async (queue) => {
    const handle = await start(queue);
    return handle.result().finally(() => late.resolve());
  });
  expect(result).toEqual(FINISHED);
});

test('U116: a script run is begun again within 15 s of the death of its worker, however often that happens', async () => {
  const history = await time.withWorker({ runScript: async () => FINISHED }, async (queue) => {
    const handle = await start(queue);
    await handle.result();
    return handle.fetchHistory();
  });
  const scheduled = history.events?.find((event) => event.activityTaskScheduledEventAttributes);
  const { heartbeatTimeout, retryPolicy } = scheduled?.activityTaskScheduledEventAttributes ?? {};
  const seconds = [heartbeatTimeout, retryPolicy?.maximumInterval].map((duration) => Number(duration?.seconds));
  // The server notices by heartbeat and then pauses; the rest is for a worker to take it up.
  expect(seconds.reduce((sum, part) => sum + part)).toBeLessThan(13);
});

test('faults of our own parts are retried without an attempt limit', async () => {
  let attempts = 0;
  const runScript = async (): Promise<SyncStep> => {
    attempts = Context.current().info.attempt;
    if (attempts > 25) return FINISHED;
    throw new EngineError('store_unavailable', 'no Postgres');
  };
  const result = await time.withWorker({ runScript }, async (queue) => {
    const handle = await start(queue);
    // Pauses between attempts are not skipped by themselves, since an activity is pending.
    while (attempts <= 25) await time.env.sleep('10 seconds');
    return handle.result();
  });
  expect(result).toEqual(FINISHED);
}, 90_000);

test('a run that ends by a fault nobody retries is settled as failed', async () => {
  const settled: unknown[] = [];
  const runScript = async (): Promise<SyncStep> => {
    throw new EngineError('journal_damaged', 'the journal is damaged');
  };
  const settleRun = async ({ failure }: { failure: unknown }) => void settled.push(failure);
  const failure = await time.withWorker({ runScript, settleRun }, (queue) => failureOf(start(queue)));
  expect(failure.cause).toMatchObject({ name: 'ActivityFailure', cause: { type: 'journal_damaged' } });
  expect(settled).toEqual([{ code: 'journal_damaged', message: 'the journal is damaged' }]);
});

function start(taskQueue: string): Promise<WorkflowHandle<typeof syncWorkflow>> {
  const options = { workflowId: randomUUID(), taskQueue, args: [{ syncId: '1' }] as [{ syncId: string }] };
  return time.env.client.workflow.start<typeof syncWorkflow>('syncWorkflow', options);
}

async function failureOf(started: WorkflowHandle | Promise<WorkflowHandle>): Promise<WorkflowFailedError> {
  const ended = await (await started).result().catch((error: unknown) => error);
  if (ended instanceof WorkflowFailedError) return ended;
  throw new Error(`The workflow did not fail: ${JSON.stringify(ended)}`);
}

async function detailsOf(handle: WorkflowHandle): Promise<string> {
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}
