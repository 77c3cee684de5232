import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { Activities } from '../../activities/index.ts';
import type { reconcileWorkflow } from '../../workflows/index.ts';
import { reconcileSignal } from '../../workflows/messages.ts';
import { useTimeSkipping } from '../support/time-skipping.ts';

const time = useTimeSkipping();

test('it goes through every page of syncs and of queued runs', async () => {
  const { calls, activities } = recording({ syncs: ['200', '400', null], queued: ['r9', null] });
  await time.withWorker(activities, async (queue) => (await start(queue, false)).result());
  expect(calls).toEqual(['syncs 0', 'syncs 200', 'syncs 400', 'removals', 'queued 0', 'queued r9', 'webhooks']);
});

test('only a thorough one asks Temporal about runs that are shown as running, and sweeps journals, records and logs', async () => {
  const { calls, activities } = recording({
    lost: ['r5', null],
    journals: ['r7', null],
    records: ['9', null],
    logs: ['more', null],
  });
  await time.withWorker(activities, async (queue) => (await start(queue, true)).result());
  expect(calls).toEqual([
    'syncs 0 thorough',
    'removals thorough',
    'queued 0',
    'lost 0',
    'lost r5',
    'webhooks',
    'journals 0',
    'journals r7',
    'records 0',
    'records 9',
    'logs 0',
  ]);
});

test('any number of signals during the work make one more round', async () => {
  const { calls, activities } = recording({});
  const reached = Promise.withResolvers<void>();
  const signalled = Promise.withResolvers<void>();
  const removeSchedules: Activities['removeSchedules'] = async (input) => {
    await activities.removeSchedules?.(input);
    reached.resolve();
    await signalled.promise;
  };
  await time.withWorker({ ...activities, removeSchedules }, async (queue) => {
    const handle = await start(queue, false);
    await reached.promise;
    await handle.signal(reconcileSignal);
    await handle.signal(reconcileSignal);
    signalled.resolve();
    await handle.result();
  });
  const round = ['syncs 0', 'removals', 'queued 0', 'webhooks'];
  expect(calls).toEqual([...round, ...round]);
});

type Pages = readonly (string | null)[];

/** Activities that note how they are called and answer these pages, or a single empty one. */
function recording(pages: {
  syncs?: Pages;
  queued?: Pages;
  lost?: Pages;
  journals?: Pages;
  records?: Pages;
  logs?: Pages;
}) {
  const calls: string[] = [];
  const left = {
    syncs: [...(pages.syncs ?? [])],
    queued: [...(pages.queued ?? [])],
    lost: [...(pages.lost ?? [])],
    journals: [...(pages.journals ?? [])],
    records: [...(pages.records ?? [])],
    logs: [...(pages.logs ?? [])],
  };
  const page = (what: keyof typeof left, afterId: string, thorough = false) => {
    calls.push(`${what} ${afterId}${thorough ? ' thorough' : ''}`);
    return { nextAfterId: left[what].shift() ?? null, left: 0 };
  };
  const activities: Partial<Activities> = {
    reconcileSyncs: async ({ afterId, thorough }) => page('syncs', afterId, thorough),
    removeSchedules: async ({ thorough }) => void calls.push(`removals${thorough ? ' thorough' : ''}`),
    startQueuedRuns: async ({ afterId }) => page('queued', afterId),
    settleLostRuns: async ({ afterId }) => page('lost', afterId),
    startWebhooks: async () => void calls.push('webhooks'),
    sweepJournals: async ({ afterId }) => page('journals', afterId),
    sweepRecords: async ({ afterId }) => page('records', afterId),
    sweepLogs: async () => page('logs', '0'),
  };
  return { calls, activities };
}

function start(taskQueue: string, thorough: boolean): Promise<WorkflowHandle<typeof reconcileWorkflow>> {
  const options = { workflowId: randomUUID(), taskQueue, args: [{ thorough }] as [{ thorough: boolean }] };
  return time.env.client.workflow.start<typeof reconcileWorkflow>('reconcileWorkflow', options);
}
