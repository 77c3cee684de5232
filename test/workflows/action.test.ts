import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import type { Activities } from '../../activities/index.ts';
import { EngineError } from '../../contract/failures.ts';
import type { ActionEnd } from '../../contract/sync.ts';
import type { actionWorkflow } from '../../workflows/index.ts';
import { useTimeSkipping } from '../support/time-skipping.ts';

const FAILED: ActionEnd = { status: 'failed', failure: { code: 'script_failed', message: 'no such channel' } };

const time = useTimeSkipping();

test('a short action ends within the first workflow task', async () => {
  const { result, events } = await run({ runAction: async () => ({ status: 'finished' }) });
  expect(result).toEqual({ status: 'finished' });
  expect(events.filter((event) => event.activityTaskScheduledEventAttributes)).toEqual([]);
});

test('an action that was handed over goes on in the process that runs it', async () => {
  const { result, events } = await run((taskQueue) => ({
    runAction: async () => ({ status: 'handedOver', taskQueue }),
    continueAction: async ({ runId }) => (runId === 'r1' ? { status: 'finished' } : FAILED),
  }));
  expect(result).toEqual({ status: 'finished' });
  expect(events.filter((event) => event.activityTaskScheduledEventAttributes)).toHaveLength(1);
});

test('an action whose process is lost by heartbeat goes on in another', async () => {
  let begun = 0;
  const late = Promise.withResolvers<void>();
  const { result } = await run((taskQueue) => ({
    runAction: async () => ({ status: 'handedOver', taskQueue }),
    continueAction: async () => {
      begun += 1;
      if (begun === 2) {
        late.resolve();
        return { status: 'finished' };
      }
      await time.env.sleep('13 seconds');
      await late.promise;
      return FAILED;
    },
  }));
  expect(result).toEqual({ status: 'finished' });
  expect(begun).toBe(2);
});

test('an action that waits sleeps until its resume time', async () => {
  const resumeAt = new Date((await time.env.currentTimeMs()) + 7_200_000).toISOString();
  let continuedAt = 0;
  const { result } = await run({
    runAction: async () => ({ status: 'waiting', resumeAt, reason: 'rate limit' }),
    continueAction: async () => {
      continuedAt = await time.env.currentTimeMs();
      return { status: 'finished' };
    },
  });
  expect(result).toEqual({ status: 'finished' });
  expect(continuedAt).toBeGreaterThanOrEqual(Date.parse(resumeAt));
});

test.each<[string, Partial<Activities>]>([
  ['at once', { runAction: async () => FAILED }],
  [
    'after a while',
    { runAction: async () => ({ status: 'handedOver', taskQueue: null }), continueAction: async () => FAILED },
  ],
])('an action that fails %s fails its workflow with the code', async (_when, activities) => {
  const { result } = await run(activities);
  expect(result).toBeInstanceOf(WorkflowFailedError);
  expect(result).toMatchObject({ cause: { type: 'script_failed', message: 'no such channel' } });
});

test('a fault in the first seconds of an action is tried three times, then ends the run', async () => {
  let attempts = 0;
  const settled: unknown[] = [];
  const { result } = await run({
    runAction: async () => {
      attempts += 1;
      throw new EngineError('store_unavailable', 'no Postgres');
    },
    settleRun: async ({ failure }) => void settled.push(failure),
  });
  expect(result).toMatchObject({ cause: { type: 'store_unavailable' } });
  expect(attempts).toBe(3);
  expect(settled).toEqual([{ code: 'store_unavailable', message: 'no Postgres' }]);
});

type Given = Partial<Activities> | ((taskQueue: string) => Partial<Activities>);

async function run(activities: Given) {
  return time.withWorker(activities, async (taskQueue) => {
    const options = { workflowId: randomUUID(), taskQueue, args: [{ runId: 'r1' }] as [{ runId: string }] };
    const handle = await time.env.client.workflow.start<typeof actionWorkflow>('actionWorkflow', options);
    const result: unknown = await handle.result().catch((error: unknown) => error);
    return { result, events: (await handle.fetchHistory()).events ?? [] };
  });
}
