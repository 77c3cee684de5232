import { setTimeout as delay } from 'node:timers/promises';
import {
  type Client,
  ScheduleNotFoundError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
  type WorkflowHandleWithStartDetails,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  type ActionGave,
  type AllocatedRun,
  RECONCILE,
  RESUME_SIGNAL,
  syncStory,
  TASK_QUEUES,
} from '../contract/engine.ts';
import { EngineError, failureCode } from '../contract/failures.ts';
import { shareOf, webhookWorkflowId } from '../contract/ids.ts';
import type { OwnActions } from './own-actions.ts';
import { taskQueueStates } from './task-queues.ts';

/** Longer than an action is a local activity; from then on its workflow says when it has ended. */
const ELSEWHERE_AFTER_MS = 5_000;

/**
 * Our calls to Temporal, under the names of contract/engine.ts. Each throws `engine_unavailable` when the server cannot
 * be reached; by then the rows are written, and reconcile does later what could not be done now.
 */
export function createEngine(options: {
  readonly client: Client;
  readonly namespace: string;
  readonly uiUrl: string | undefined;
  /** Of a process that also runs actions: then the first task is handed over here, without a hop. */
  readonly ownActions: OwnActions | undefined;
  readonly clock: () => Date;
}) {
  const { client, namespace, uiUrl, ownActions, clock } = options;
  return {
    reconcile: () => reachable(() => reconcile(client)),
    startSync: (run: AllocatedRun) => reachable(() => startSync(client, run)),
    runAction: (run: { readonly runId: string; readonly workflowId: string }) =>
      reachable(() => runAction(client, run, ownActions)),
    startAction: (run: { readonly runId: string; readonly workflowId: string }) =>
      reachable(async () => {
        await startAction(client, run, ownActions !== undefined);
      }),
    startDelivery: (deliveryId: string) => reachable(() => startDelivery(client, deliveryId)),
    resume: (workflowId: string) => reachable(() => resume(client, workflowId)),
    cancel: (workflowId: string) => reachable(() => cancel(client, workflowId)),
    nextRunAt: (scheduleId: string) => reachable(() => nextRunAt(client, scheduleId)),
    taskQueues: () => reachable(() => taskQueueStates(client, namespace, clock)),
    linkTo: (workflow: { workflowId: string; workflowRunId: string | null }): string | null =>
      uiUrl === undefined ? null : workflowUrl(uiUrl, namespace, workflow),
  };
}

async function reconcile(client: Client): Promise<void> {
  const handle = await client.workflow.signalWithStart('reconcileWorkflow', {
    workflowId: RECONCILE.workflowId,
    taskQueue: TASK_QUEUES.background,
    args: [{ thorough: false }],
    signal: 'reconcile',
  });
  await handle.result();
}

async function startSync(client: Client, run: AllocatedRun): Promise<void> {
  try {
    await client.workflow.start('syncWorkflow', {
      workflowId: run.workflowId,
      taskQueue: TASK_QUEUES.syncs,
      args: [{ syncId: run.syncId, runId: run.runId }],
      ...fairly(run.workflowId),
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      ...syncStory(run.address),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

async function runAction(
  client: Client,
  run: { readonly runId: string; readonly workflowId: string },
  ownActions: OwnActions | undefined,
): Promise<ActionGave | undefined> {
  const watched = ownActions?.watch(run.runId);
  try {
    const handle = await startAction(client, run, watched !== undefined);
    // What ends the action is its row; its workflow closes after it, and nobody need wait for that.
    if (watched !== undefined && 'eagerlyStarted' in handle && handle.eagerlyStarted) {
      const how = await Promise.race([watched.left, delay(ELSEWHERE_AFTER_MS, 'goes on' as const, { ref: false })]);
      if (how !== 'goes on') return how === 'ended' ? undefined : how;
    }
    await handle.result();
    return undefined;
  } catch (error) {
    // How it ended is in the run's row, which the caller reads next; a workflow closed long ago may be forgotten.
    if (!(error instanceof WorkflowFailedError || error instanceof WorkflowNotFoundError)) throw error;
    return undefined;
  } finally {
    watched?.close();
  }
}

async function startAction(
  client: Client,
  run: { readonly runId: string; readonly workflowId: string },
  eager: boolean,
): Promise<WorkflowHandle | WorkflowHandleWithStartDetails> {
  try {
    return await client.workflow.start('actionWorkflow', {
      workflowId: run.workflowId,
      taskQueue: TASK_QUEUES.actions,
      args: [{ runId: run.runId }],
      ...fairly(run.workflowId),
      requestEagerStart: eager,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
    });
  } catch (error) {
    // A second call with the same idempotency key joins the first.
    if (error instanceof WorkflowExecutionAlreadyStartedError) return client.workflow.getHandle(run.workflowId);
    throw error;
  }
}

function fairly(workflowId: string): { readonly priority?: { readonly fairnessKey: string } } {
  const fairnessKey = shareOf(workflowId);
  return fairnessKey === undefined ? {} : { priority: { fairnessKey } };
}

async function startDelivery(client: Client, deliveryId: string): Promise<void> {
  try {
    await client.workflow.start('deliverWebhookWorkflow', {
      workflowId: webhookWorkflowId(deliveryId),
      taskQueue: TASK_QUEUES.webhooks,
      args: [{ deliveryId }],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

async function resume(client: Client, workflowId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId).signal(RESUME_SIGNAL);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

async function cancel(client: Client, workflowId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId).cancel();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

async function nextRunAt(client: Client, scheduleId: string): Promise<Date | null> {
  try {
    const { state, info } = await client.schedule.getHandle(scheduleId).describe();
    return state.paused ? null : (info.nextActionTimes[0] ?? null);
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  }
}

/** The page of a workflow in the Temporal Web UI. */
function workflowUrl(
  uiUrl: string,
  namespace: string,
  { workflowId, workflowRunId }: { workflowId: string; workflowRunId: string | null },
): string {
  const parts = [namespace, 'workflows', workflowId, ...(workflowRunId === null ? [] : [workflowRunId, 'history'])];
  return `${uiUrl.replace(/\/$/, '')}/namespaces/${parts.map(encodeURIComponent).join('/')}`;
}

async function reachable<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (failureCode(error) !== undefined || !isTransport(error)) throw error;
    throw new EngineError('engine_unavailable', 'Temporal cannot be reached at the moment; try again shortly', {
      cause: error,
    });
  }
}

// gRPC: DEADLINE_EXCEEDED 4, UNAVAILABLE 14, CANCELLED 1 by a closing connection.
const TRANSPORT_CODES = new Set([1, 4, 14]);

function isTransport(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'number' && TRANSPORT_CODES.has(at.code)) return true;
    if (at instanceof ServiceError && at.cause === undefined) return true;
  }
  return false;
}
