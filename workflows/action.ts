import { ApplicationFailure, isCancellation, setCurrentDetails, sleep } from '@temporalio/workflow';
import type { ActionEnd, ActionInput, ActionStep } from '../contract/sync.ts';
import { continueAction, continueActionAt, runAction } from './proxies.ts';
import { settlingRun } from './settling.ts';
import { lengthOf } from './wait.ts';

/**
 * One run of one action. It starts inside the workflow task, which saves a hop; what takes longer than a few seconds
 * goes on as an ordinary activity. Input and output stay in Postgres: the caller reads them by the run's id.
 */
export async function actionWorkflow(input: ActionInput): Promise<Extract<ActionEnd, { status: 'finished' }>> {
  const end = await settlingRun(() => runToEnd(input));
  if (end.status === 'finished') return end;
  throw ApplicationFailure.create({ type: end.failure.code, message: end.failure.message, nonRetryable: true });
}

async function runToEnd(input: ActionInput): Promise<ActionEnd> {
  let step = await runAction(input);
  for (;;) {
    switch (step.status) {
      case 'waiting':
        setCurrentDetails(`Waiting until ${step.resumeAt}: ${step.reason}`);
        await sleep(lengthOf(step.waitMs, step.resumeAt));
        setCurrentDetails('');
        step = await continueAction(input);
        break;
      case 'handedOver':
        step = await goOn(input, step.taskQueue);
        break;
      default:
        return step;
    }
  }
}

/** First by the process that runs it; when that one is gone, by any, from the journal. */
async function goOn(input: ActionInput, taskQueue: string | null): Promise<ActionStep> {
  if (taskQueue === null) return continueAction(input);
  try {
    return await continueActionAt(taskQueue)(input);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return continueAction(input);
  }
}
