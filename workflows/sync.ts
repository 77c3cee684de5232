import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  log,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunFailure, SyncInput, SyncResult, SyncStep } from '../contract/sync.ts';
import { runScript, settleRun } from './proxies.ts';

/**
 * One run of one sync of one connection: run the script; sleep through its waits; report how it ended. A failed script
 * fails the workflow, so that what the Temporal Web UI shows is what happened.
 */
export async function syncWorkflow(input: SyncInput): Promise<SyncResult> {
  const step = await runToEnd(input);
  switch (step.status) {
    case 'failed':
      throw ApplicationFailure.create({
        type: step.failure.code,
        message: step.failure.message,
        nonRetryable: true,
        details: [{ runId: step.runId, location: step.failure.location }],
      });
    case 'cancelled':
      throw new CancelledFailure(`Run '${step.runId}' was cancelled`);
    default:
      setCurrentDetails(describe(step));
      return step;
  }
}

async function runToEnd(input: SyncInput): Promise<SyncResult> {
  try {
    for (;;) {
      const step = await runScript(input);
      if (step.status === 'waiting') await waitVisibly(step);
      else if (step.status !== 'handedOver') return step;
    }
  } catch (error) {
    // No worker answered a cancellation, or the activity ended in a way it does not know: the row must not stay open.
    const failure = failureOf(error);
    await CancellationScope.nonCancellable(() => settleRun({ workflowId: workflowInfo().workflowId, failure }));
    throw error;
  }
}

async function waitVisibly(step: Extract<SyncStep, { status: 'waiting' }>): Promise<void> {
  setCurrentDetails(`Waiting until ${step.resumeAt}: ${step.reason}`);
  log.info('run.waiting', { runId: step.runId, resumeAt: step.resumeAt, reason: step.reason });
  await sleep(Math.max(0, Date.parse(step.resumeAt) - Date.now()));
}

function failureOf(error: unknown): RunFailure {
  if (isCancellation(error)) return { code: 'script_aborted', message: 'The run was cancelled' };
  return { code: 'internal', message: error instanceof Error ? error.message : 'The run ended unexpectedly' };
}

function describe(step: Extract<SyncResult, { status: 'finished' | 'skipped' }>): string {
  if (step.status === 'skipped') return `Skipped: ${step.reason}`;
  const models = Object.entries(step.counts).map(
    ([model, { added, updated, deleted }]) => `${model}: ${added} added, ${updated} updated, ${deleted} deleted`,
  );
  return models.length === 0 ? 'Nothing changed' : models.join('\n');
}
