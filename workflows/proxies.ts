/**
 * The retry policy of the product: every activity, how long it may take and when it is tried again. Activities answer
 * with values for all that authors and upstreams can cause, so what is retried here are faults of our own parts.
 */
import { ActivityCancellationType, proxyActivities, proxyLocalActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { shareOf } from '../contract/ids.ts';

const OWN_FAULTS = { initialInterval: '1 second', maximumInterval: '10 seconds', backoffCoefficient: 2 } as const;

/** What holds for scripts: with the pause between attempts, a lost worker's runs go on elsewhere within 15 seconds. */
const HEARTBEAT = '10 seconds';
const LOST_WORKERS = { initialInterval: '1 second', maximumInterval: '2 seconds', backoffCoefficient: 2 } as const;

/** Script runs: long, watched by heartbeat, repeated without limit (the activity itself gives up on a run). */
export function scripts(): Pick<Activities, 'runScript'> {
  return proxyActivities<Pick<Activities, 'runScript'>>({
    startToCloseTimeout: '25 hours',
    heartbeatTimeout: HEARTBEAT,
    retry: LOST_WORKERS,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    ...fairly(),
  });
}

/** A schedule cannot say whose share its workflows are, so each says it of its own activities. */
function fairly(): { readonly priority?: { readonly fairnessKey: string } } {
  const fairnessKey = shareOf(workflowInfo().workflowId);
  return fairnessKey === undefined ? {} : { priority: { fairnessKey } };
}

/** The first seconds of an action, inside the workflow task: no hop through the server. */
export const { runAction } = proxyLocalActivities<Pick<Activities, 'runAction'>>({
  startToCloseTimeout: '8 seconds',
  retry: { maximumAttempts: 3, initialInterval: '100 milliseconds' },
});

const REST_OF_ACTION = {
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: HEARTBEAT,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
} as const;

/** The rest of a long action, by any process. */
export const { continueAction } = proxyActivities<Pick<Activities, 'continueAction'>>({
  ...REST_OF_ACTION,
  retry: LOST_WORKERS,
});

/** The same by the one process that runs it already; one attempt, and not for long when it is gone. */
export function continueActionAt(taskQueue: string): Activities['continueAction'] {
  return proxyActivities<Pick<Activities, 'continueAction'>>({
    ...REST_OF_ACTION,
    taskQueue,
    scheduleToStartTimeout: '10 seconds',
    retry: { maximumAttempts: 1 },
  }).continueAction;
}

/** Short writes to Postgres and calls to Temporal. */
export const { settleRun, startWebhooks, sweepJournals, sweepRecords, sweepLogs } = proxyActivities<
  Pick<Activities, 'settleRun' | 'startWebhooks' | 'sweepJournals' | 'sweepRecords' | 'sweepLogs'>
>({
  startToCloseTimeout: '2 minutes',
  retry: OWN_FAULTS,
});

/** Many calls to Temporal, a page at a time: a worker that dies is missed by its heartbeat. */
export const { reconcileSyncs, removeSchedules, startQueuedRuns, settleLostRuns } = proxyActivities<
  Pick<Activities, 'reconcileSyncs' | 'removeSchedules' | 'startQueuedRuns' | 'settleLostRuns'>
>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: HEARTBEAT,
  retry: OWN_FAULTS,
});

/** One attempt of a webhook; when to try again is for the receiver's answer to say, not for this policy. */
export const { deliverWebhook } = proxyActivities<Pick<Activities, 'deliverWebhook'>>({
  startToCloseTimeout: '1 minute',
  retry: OWN_FAULTS,
});

/** Asking providers for tokens, a page of connections at a time. */
export const { refreshIdle } = proxyActivities<Pick<Activities, 'refreshIdle'>>({
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '12 seconds',
  retry: OWN_FAULTS,
});
