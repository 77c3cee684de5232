import { Context } from '@temporalio/activity';
import { EngineError } from '../contract/failures.ts';

/** The workflow execution this activity works for. All of ours have one; only stand-alone activities do not. */
export function currentExecution(): { readonly workflowId: string; readonly runId: string } {
  const { workflowExecution } = Context.current().info;
  if (workflowExecution === undefined) throw new EngineError('internal', 'An activity was started without a workflow');
  return workflowExecution;
}

/** When Temporal scheduled this attempt of the activity, by its own clock. */
export function scheduledAt(): Date {
  return new Date(Context.current().info.currentAttemptScheduledTimestampMs);
}
