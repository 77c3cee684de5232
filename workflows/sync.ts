import {
  ApplicationFailure,
  CancelledFailure,
  condition,
  continueAsNew,
  log,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { SyncInput, SyncResult, SyncStep } from '../contract/sync.ts';
import { resumeSignal } from './messages.ts';
import { scripts } from './proxies.ts';
import { settlingRun } from './settling.ts';
import { lengthOf } from './wait.ts';
import type { RecordCounts } from '../contract/host.ts';

/** Each wait adds some ten events to the history. */
const WAITS_PER_HISTORY = 500;

/**
 * One run of one sync of one connection: run the script; sleep through its waits; report how it ended. A failed script
 * fails the workflow, so that what the Temporal Web UI shows is what happened.
 */
export async function syncWorkflow(input: SyncInput): Promise<SyncResult> {
  const step = await settlingRun(() => runToEnd(input));
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
  // It may come while the script still runs, before this workflow knows of the wait that it ends.
  const wake = { isDue: false };
  setHandler(resumeSignal, () => {
    wake.isDue = true;
  });
  const { runScript } = scripts();
  for (let waits = 0; ; ) {
    const step = await runScript(input);
    if (step.status === 'waiting') {
      await waitVisibly(step, wake);
      waits += 1;
      const isLong = waits >= WAITS_PER_HISTORY || workflowInfo().continueAsNewSuggested;
      if (isLong) await continueAsNew<typeof syncWorkflow>({ ...input, runId: step.runId });
    } else if (step.status !== 'handedOver') return step;
  }
}

async function waitVisibly(
  { runId, resumeAt, waitMs, reason, done }: Extract<SyncStep, { status: 'waiting' }>,
  wake: { isDue: boolean },
): Promise<void> {
  const wait = resumeAt === null ? `Waiting: ${reason}` : `Waiting until ${resumeAt}: ${reason}`;
  const progress = done && [`So far ${done.requests} calls`, ...countLines(done.counts)];
  setCurrentDetails([wait, ...(progress ?? [])].join('\n'));
  log.info('run.waiting', { runId, resumeAt, reason });
  if (resumeAt === null) await condition(() => wake.isDue);
  else await condition(() => wake.isDue, Math.max(1, lengthOf(waitMs, resumeAt)));
  wake.isDue = false;
  setCurrentDetails('');
}

function describe(step: Extract<SyncResult, { status: 'finished' | 'skipped' }>): string {
  if (step.status === 'skipped') return `Skipped: ${step.reason}`;
  const models = countLines(step.counts);
  const held = Object.entries(step.deletionsHeld ?? {}).map(
    ([model, count]) => `${model}: ${count} deletions held, to be confirmed`,
  );
  return models.length === 0 ? 'Nothing changed' : [...models, ...held].join('\n');
}

function countLines(counts: Readonly<Record<string, RecordCounts>>): readonly string[] {
  return Object.entries(counts).map(
    ([model, { added, updated, deleted }]) => `${model}: ${added} added, ${updated} updated, ${deleted} deleted`,
  );
}
