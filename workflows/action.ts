import { ApplicationFailure } from '@temporalio/workflow';
import type { ActionEnd, ActionInput } from '../contract/sync.ts';
import { continueAction, runAction } from './proxies.ts';

/**
 * One run of one action. It starts inside the workflow task, which saves a hop; what takes longer than a few seconds
 * goes on as an ordinary activity. Input and output stay in Postgres: the caller reads them by the run's id.
 */
export async function actionWorkflow(input: ActionInput): Promise<Extract<ActionEnd, { status: 'finished' }>> {
  const first = await runAction(input);
  const end = first.status === 'handedOver' ? await continueAction(input) : first;
  if (end.status === 'failed') {
    throw ApplicationFailure.create({ type: end.failure.code, message: end.failure.message, nonRetryable: true });
  }
  return end;
}
