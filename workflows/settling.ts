import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ContinueAsNew,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow';
import { failureCode } from '../contract/failures.ts';
import type { RunFailure } from '../contract/sync.ts';
import { settleRun } from './proxies.ts';

/**
 * Runs `work` and, when it throws, ends the run's row before it throws on: no worker answered a cancellation, or an
 * activity ended in a way it does not know, and a row left open would be shown as running for ever.
 */
export async function settlingRun<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    // An activity whose worker died before it heard of the cancellation ends by its missing heartbeat instead.
    const isCancelled = isCancellation(error) || CancellationScope.current().consideredCancelled;
    const failure = isCancelled ? CANCELLED : failureOf(error);
    await CancellationScope.nonCancellable(() => settleRun({ workflowId: workflowInfo().workflowId, failure }));
    throw isCancelled && !isCancellation(error) ? new CancelledFailure(CANCELLED.message) : error;
  }
}

const CANCELLED: RunFailure = { code: 'script_aborted', message: 'The run was cancelled' };

function failureOf(error: unknown): RunFailure {
  // What the activity said is in the cause; around it the SDK says only that an activity failed.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const code = cause instanceof ApplicationFailure ? failureCode({ code: cause.type }) : undefined;
  return { code: code ?? 'internal', message: cause instanceof Error ? cause.message : 'The run ended unexpectedly' };
}
