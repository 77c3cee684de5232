import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { Activities } from '../../activities/index.ts';
import { useTimeSkipping } from '../support/time-skipping.ts';

const HOUR_MS = 3_600_000;
const WAIT_MS = 600_000;

const time = useTimeSkipping();

type Put = { readonly until: string; readonly waitMs: number };
/** Activities that put off once, as the workflow of that name hears it. */
const PUT_OFF: Readonly<Record<string, (put: Put) => Partial<Activities>>> = {
  syncWorkflow: ({ until, waitMs }) => ({
    runScript: once(
      { status: 'waiting', runId: 'r1', resumeAt: until, waitMs, reason: 'told to' },
      { status: 'finished', runId: 'r1', counts: {} },
    ),
  }),
  actionWorkflow: ({ until, waitMs }) => ({
    runAction: async () => ({ status: 'waiting', resumeAt: until, waitMs, reason: 'told to' }),
    continueAction: async () => ({ status: 'finished' }),
  }),
  deliverWebhookWorkflow: ({ until, waitMs }) => ({
    deliverWebhook: once({ status: 'again', at: until, waitMs }, { status: 'delivered' }),
  }),
};

const CASES = Object.keys(PUT_OFF).flatMap((workflow) => [
  { workflow, aheadMs: HOUR_MS, clock: 'an hour ahead' },
  { workflow, aheadMs: -HOUR_MS, clock: 'an hour behind' },
]);

test.each(CASES)("$workflow waits as long as it is told to where Temporal's clock is $clock", async (given) => {
  const ours = (await time.env.currentTimeMs()) - given.aheadMs;
  const put = { until: new Date(ours + WAIT_MS).toISOString(), waitMs: WAIT_MS };
  const timers = await time.withWorker(PUT_OFF[given.workflow]?.(put) ?? {}, async (taskQueue) => {
    const args = [{ syncId: '1', runId: 'r1', deliveryId: 'd1' }];
    const options = { workflowId: randomUUID(), taskQueue, args };
    const handle = await time.env.client.workflow.start(given.workflow, options);
    await handle.result();
    const { events } = await handle.fetchHistory();
    return (events ?? []).flatMap(({ timerStartedEventAttributes: timer }) => timer?.startToFireTimeout ?? []);
  });
  expect(timers.map(({ seconds }) => Number(seconds))).toEqual([WAIT_MS / 1_000]);
});

function once<Step>(first: Step, then: Step): () => Promise<Step> {
  const steps = [first, then];
  return async () => steps.shift() ?? then;
}
