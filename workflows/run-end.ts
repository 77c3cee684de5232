import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ContinueAsNew,
  isCancellation,
} from '@temporalio/workflow';
import { failureCode } from '../contract/failures.ts';
import type { RunFailure } from '../contract/sync.ts';

/** What the run's row is to say of its end, and with what its workflow ends. */
export type RunEnd = { readonly failure: RunFailure; readonly thrown: unknown };

const CANCELLED: RunFailure = { code: 'script_aborted', message: 'The run was cancelled' };

/**
 * What an error that a run's workflow met means for the run; undefined when the run goes on in a new execution.
 * @param isAskedToStop whether somebody has cancelled the workflow, whatever the error says.
 */
export function endOfRun(error: unknown, isAskedToStop: boolean): RunEnd | undefined {
  if (error instanceof ContinueAsNew) return undefined;
  if (isCancellation(error)) return { failure: CANCELLED, thrown: error };
  // An activity whose worker died before it heard of the cancellation ends by its missing heartbeat instead.
  if (isAskedToStop) return { failure: CANCELLED, thrown: new CancelledFailure(CANCELLED.message) };
  return { failure: failureOf(error), thrown: error };
}

function failureOf(error: unknown): RunFailure {
  // What the activity said is in the cause; around it the SDK says only that an activity failed.
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const code = cause instanceof ApplicationFailure ? failureCode({ code: cause.type }) : undefined;
  return { code: code ?? 'internal', message: cause instanceof Error ? cause.message : 'The run ended unexpectedly' };
}
