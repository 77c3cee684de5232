import type { ActionGave } from '../contract/engine.ts';
import { EngineError, failureCode } from '../contract/failures.ts';
import type { ActionEnd, ActionInput, ActionStep, RunFailure } from '../contract/sync.ts';
import { actionResult } from '../store/run-ends.ts';
import { type Attempt, beginAttempt, endRun } from '../store/runs.ts';
import { nextWebhookRuns } from '../store/inbound-webhooks.ts';
import { announceRun } from './announce-run.ts';
import { cancellationOf, endAsFailed, runAttempt, type Supervision } from './attempt.ts';
import type { Dependencies } from './dependencies.ts';
import { currentExecution } from './execution.ts';
import { withHeartbeat } from './heartbeat.ts';
import { settleIdentity } from '../store/identity.ts';
import { untilStored } from './store-retry.ts';

/** Below the workflow task's time-out (10 s), which a local activity must not reach. */
const HAND_OVER_AFTER_MS = 3_000;

/** What Temporal hears of it, and what only a caller in this process does: outputs never go through Temporal. */
type Executed = { readonly step: ActionStep; readonly gave?: ActionGave | undefined };
const HANDED_OVER: Executed = { step: { status: 'handedOver', taskQueue: null } };

type Running = { readonly step: Promise<ActionStep>; readonly stop: AbortController };

/**
 * An action's calls are made at most once. That is kept by its row and its journal, not by Temporal: a worker killed in
 * the middle of a local activity leaves nothing in the history, so the second start finds in Postgres what was done.
 */
export function createActionActivities(deps: Dependencies) {
  const running = new Map<string, Running>();

  const runningOrBegun = async (runId: string): Promise<Running | ActionEnd> => {
    const here = running.get(runId);
    if (here !== undefined) return here;
    const { runId: workflowRunId } = currentExecution();
    const watched = deps.control.watch(runId);
    const run = await beginAttempt(deps.db, { runId, workflowRunId, at: deps.clock() }).catch((error) => {
      watched.end();
      throw error;
    });
    if (run === undefined) {
      watched.end();
      return endedStep(deps, runId);
    }
    // Syncs do so as they begin; of the others, these save records.
    if (run.kind === 'webhook') await untilStored(() => settleIdentity(deps.db), new AbortController().signal);
    watched.heed(run.control);
    const stop = new AbortController();
    const executed = execute(deps, run, { signal: stop.signal, watched }).finally(() => {
      running.delete(runId);
      watched.end();
    });
    const step = executed.then((done) => done.step);
    executed.then(
      (done) => deps.actionLeft?.(runId, done.gave ?? leftBy(done.step)),
      () => deps.actionLeft?.(runId, 'goes on'),
    );
    running.set(runId, { step, stop });
    return { step, stop };
  };

  return {
    /** The first seconds of an action, as a local activity. */
    runAction: async ({ runId }: ActionInput): Promise<ActionStep> => {
      const begun = await runningOrBegun(runId);
      if (!('step' in begun)) return begun;
      return orHandedOver(begun.step, deps.processQueue);
    },
    /** The rest of it: here, when it is this process that runs it, or from its journal. */
    continueAction: ({ runId }: ActionInput): Promise<ActionStep> =>
      withHeartbeat(async (signal) => {
        const begun = await runningOrBegun(runId);
        if (!('step' in begun)) return begun;
        const onCancel = (): void => begun.stop.abort(signal.reason);
        if (signal.aborted) onCancel();
        signal.addEventListener('abort', onCancel, { once: true });
        return begun.step.finally(() => signal.removeEventListener('abort', onCancel));
      }),
  };
}

/** The step, or after some seconds to whom the rest is left. The timer goes with the step: it holds the execution's context. */
function orHandedOver(step: Promise<ActionStep>, taskQueue: string): Promise<ActionStep> {
  return new Promise((resolve, reject) => {
    const handOver = (): void => resolve({ status: 'handedOver', taskQueue });
    const timer = setTimeout(handOver, HAND_OVER_AFTER_MS).unref();
    step.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function leftBy({ status }: ActionStep): 'ended' | 'goes on' {
  return status === 'finished' || status === 'failed' ? 'ended' : 'goes on';
}

async function execute(
  deps: Dependencies,
  run: Attempt,
  { signal, watched }: Pick<Supervision, 'signal' | 'watched'>,
): Promise<Executed> {
  if (run.idleStarts > deps.limits.maxIdleStarts) return { step: await giveUp(deps, run) };
  const result = await runAttempt(deps, run, { signal, watched, onEnd: async () => undefined }).catch((error) => {
    // Another process goes on with it and says how it ended.
    if (failureCode(error) === 'lease_lost') return undefined;
    throw error;
  });
  if (result?.status === 'ended' || result?.status === 'waiting') await startNextWebhook(deps, run);
  switch (result?.status) {
    case 'ended':
      if (run.detached || run.kind === 'webhook') await announceRun(deps, run.runId);
      if (result.failure) return { step: { status: 'failed', failure: shortOf(result.failure) } };
      return { step: { status: 'finished' }, gave: result.gave };
    case 'waiting':
      return { step: { status: 'waiting', resumeAt: result.resumeAt.toISOString(), reason: result.reason } };
    case 'stopped':
      if (watched.cancelled.aborted) return { step: await cancel(deps, run) };
      return HANDED_OVER;
    default:
      return HANDED_OVER;
  }
}

async function cancel(deps: Dependencies, run: Attempt): Promise<ActionEnd> {
  const failure = await cancellationOf(deps, run);
  const { runId, fence } = run;
  const end = { runId, fence, state: 'cancelled', failure, output: null, at: deps.clock() } as const;
  if (await endRun(deps.db, end)) deps.meter.runEnded({ kind: run.kind, state: 'cancelled' });
  if (run.detached) await announceRun(deps, runId);
  await startNextWebhook(deps, run);
  return { status: 'failed', failure: shortOf(failure) };
}

async function giveUp(deps: Dependencies, run: Attempt): Promise<ActionEnd> {
  const failure: RunFailure = {
    code: 'runner_lost',
    message: `The action was started ${run.idleStarts - 1} times without getting on, its process died each time; see the log of the worker`,
  };
  await endAsFailed(deps, run, failure);
  await startNextWebhook(deps, run);
  if (run.detached) await announceRun(deps, run.runId);
  return { status: 'failed', failure };
}

/** Lets the webhook behind this one begin; what cannot be started now, the sweep of reconcile starts. */
async function startNextWebhook(deps: Dependencies, run: Attempt): Promise<void> {
  if (run.kind !== 'webhook' || run.syncId === null) return;
  try {
    for (const next of await nextWebhookRuns(deps.db, [run.syncId])) await deps.startAction(next);
  } catch (error) {
    deps.log('webhook.postponed', { run: run.runId, error: error instanceof Error ? error.message : String(error) });
  }
}

/** How a run ended that has nothing left to begin. */
async function endedStep(deps: Dependencies, runId: string): Promise<ActionEnd> {
  const { state, error } = await untilStored(() => actionResult(deps.db, runId), new AbortController().signal);
  if (state === 'success') return { status: 'finished' };
  if (error) return { status: 'failed', failure: shortOf(error) };
  throw new EngineError('internal', `Run '${runId}' is ${state} and could not be begun`);
}

function shortOf({ code, message, location }: RunFailure): RunFailure {
  return { code, message: message.slice(0, 2_000), ...(location && { location }) };
}
