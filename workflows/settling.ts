import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import { settleRun } from './proxies.ts';
import { endOfRun } from './run-end.ts';

/**
 * Runs `work` and, when it throws, ends the run's row before it throws on: no worker answered a cancellation, or an
 * activity ended in a way it does not know, and a row left open would be shown as running for ever.
 */
export async function settlingRun<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const end = endOfRun(error, CancellationScope.current().consideredCancelled);
    if (end === undefined) throw error;
    const settled = { workflowId: workflowInfo().workflowId, failure: end.failure };
    await CancellationScope.nonCancellable(() => settleRun(settled));
    throw end.thrown;
  }
}
