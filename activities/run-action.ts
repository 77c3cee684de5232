import { setTimeout as delay } from 'node:timers/promises';
import { EngineError, failureCode } from '../contract/failures.ts';
import type { ActionEnd, ActionInput, ActionStep, RunFailure } from '../contract/sync.ts';
import { actionResult, type Attempt, beginAttempt, endRun } from '../store/runs.ts';
import { endAsFailed, endOf, runAttempt } from './attempt.ts';
import type { Dependencies } from './dependencies.ts';
import { currentExecution } from './execution.ts';
import { withHeartbeat } from './heartbeat.ts';
import { untilStored } from './store-retry.ts';

/** Below the workflow task's time-out (10 s), which a local activity must not reach. */
const HAND_OVER_AFTER_MS = 3_000;

export type ActionActivities = {
  readonly runAction: (input: ActionInput) => Promise<ActionStep>;
  readonly continueAction: (input: ActionInput) => Promise<ActionEnd>;
};

/**
 * An action runs at most once. That is kept by its row, not by Temporal: a worker killed in the middle of a local
 * activity leaves nothing in the history, so a second start is told from the first by the fence, and ends the run.
 */
export function createActionActivities(deps: Dependencies): ActionActivities {
  const running = new Map<string, { readonly step: Promise<ActionEnd>; readonly stop: AbortController }>();

  const start = (run: Attempt): Promise<ActionEnd> => {
    const stop = new AbortController();
    const step = execute(deps, run, stop.signal).finally(() => running.delete(run.runId));
    running.set(run.runId, { step, stop });
    return step;
  };
  return {
    runAction: async ({ runId }) => {
      const begun = running.get(runId)?.step ?? (await begin(deps, runId, start));
      return Promise.race([begun, handOver()]);
    },
    continueAction: ({ runId }) =>
      withHeartbeat(async (signal) => {
        const here = running.get(runId);
        if (here === undefined) return (await endedStep(deps, runId)) ?? inDoubt(deps, runId);
        const onCancel = (): void => here.stop.abort(signal.reason);
        signal.addEventListener('abort', onCancel, { once: true });
        return here.step.finally(() => signal.removeEventListener('abort', onCancel));
      }),
  };
}

async function begin(
  deps: Dependencies,
  runId: string,
  start: (run: Attempt) => Promise<ActionEnd>,
): Promise<ActionEnd> {
  const { runId: workflowRunId } = currentExecution();
  const run = await beginAttempt(deps.db, { runId, workflowRunId, at: deps.clock() });
  if (run === undefined) return (await endedStep(deps, runId)) ?? inDoubt(deps, runId);
  if (run.fence > 1) return inDoubt(deps, runId);
  return start(run);
}

async function handOver(): Promise<ActionStep> {
  await delay(HAND_OVER_AFTER_MS, undefined, { ref: false });
  return { status: 'handedOver' };
}

async function execute(deps: Dependencies, run: Attempt, stop: AbortSignal): Promise<ActionEnd> {
  const result = await runAttempt(deps, run, stop).catch((error) => failedAttempt(error));
  if (result.outcome === null) {
    return fail(deps, run.runId, { code: 'script_aborted', message: 'The action was stopped before it ended' });
  }
  const end = endOf(run, { outcome: result.outcome, requests: result.requests }, deps.clock());
  // The action has happened: its result is written even when the caller has gone.
  await untilStored(() => endRun(deps.db, end), new AbortController().signal);
  return end.failure ? { status: 'failed', failure: shortOf(end.failure) } : { status: 'finished' };
}

/** A fault of our own parts in the middle of an action ends it: what it did upstream is not known. */
function failedAttempt(error: unknown): Awaited<ReturnType<typeof runAttempt>> {
  const code = failureCode(error) ?? 'internal';
  const message = error instanceof EngineError ? error.message : 'The action could not be run';
  return { outcome: { status: 'failed', failure: { code, message, details: {} }, calls: 0 }, requests: 0 };
}

async function endedStep(deps: Dependencies, runId: string): Promise<ActionEnd | undefined> {
  const { state, error } = await actionResult(deps.db, runId);
  if (state === 'success') return { status: 'finished' };
  return error ? { status: 'failed', failure: shortOf(error) } : undefined;
}

function inDoubt(deps: Dependencies, runId: string): Promise<ActionEnd> {
  return fail(deps, runId, {
    code: 'runner_lost',
    message:
      'The process that ran this action died: whether its calls reached the API is not known. Check there before you run it again.',
  });
}

async function fail(deps: Dependencies, runId: string, failure: RunFailure): Promise<ActionEnd> {
  await endAsFailed(deps, runId, failure);
  return { status: 'failed', failure };
}

function shortOf({ code, message, location }: RunFailure): RunFailure {
  return { code, message: message.slice(0, 2_000), ...(location && { location }) };
}
