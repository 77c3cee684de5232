import { Context } from '@temporalio/activity';
import type { RunFailure, SyncInput, SyncStep } from '../contract/sync.ts';
import { allocateSyncRun } from '../store/allocation.ts';
import { withTransaction } from '../store/db.ts';
import { fixLastSyncDate, releaseLease, takeLease } from '../store/lease.ts';
import { type Attempt, beginAttempt, countsOfRun, endRun, type RunEnd, runOfWorkflow } from '../store/runs.ts';
import { type Sync, syncById } from '../store/syncs.ts';
import { failureCode } from '../contract/failures.ts';
import { endAsFailed, endOf, runAttempt } from './attempt.ts';
import type { Dependencies } from './dependencies.ts';
import { currentExecution } from './execution.ts';
import { withHeartbeat } from './heartbeat.ts';
import { untilStored } from './store-retry.ts';
import { isOpenWorkflow } from './workflow-state.ts';

/**
 * Runs a sync's script: takes the sync's lease and a new fence, runs, and ends the run in the same activity. Repeating
 * it is safe at any point: the fence shuts out the attempt before, and rows are upserted.
 */
export function createRunScript(deps: Dependencies): (input: SyncInput) => Promise<SyncStep> {
  return (input) =>
    withHeartbeat(async (signal) => {
      const run = await beginSyncRun(deps, input, signal);
      if ('status' in run) return run;
      deps.log('run.started', { run: run.runId, name: run.name, attempt: run.fence });
      return runSync(deps, run, signal);
    });
}

async function beginSyncRun(deps: Dependencies, input: SyncInput, signal: AbortSignal): Promise<Attempt | SyncStep> {
  const sync = await untilStored(() => syncById(deps.db, input.syncId), signal);
  if (sync === undefined) return { status: 'skipped', reason: 'gone' };
  const workflow = currentExecution();
  const runId = await untilStored(() => runOf(deps, input, sync, workflow), signal);
  if (!(await untilStored(() => leaseFor(deps, sync, runId), signal))) {
    await endRun(deps.db, skippedRun(runId, deps.clock()));
    return { status: 'skipped', reason: 'running' };
  }
  await untilStored(() => fixLastSyncDate(deps.db, runId), signal);
  const start = { runId, workflowRunId: workflow.runId, at: deps.clock() };
  const attempt = await untilStored(() => beginAttempt(deps.db, start), signal);
  if (attempt === undefined) return { status: 'skipped', reason: 'gone' };
  if (attempt.fence <= deps.limits.maxAttempts) return attempt;
  return giveUp(deps, attempt);
}

/** The run this workflow belongs to; one that a schedule started gets it here, once. */
async function runOf(
  deps: Dependencies,
  input: SyncInput,
  sync: Sync,
  { workflowId, runId: workflowRunId }: { readonly workflowId: string; readonly runId: string },
): Promise<string> {
  if (input.runId !== undefined) return input.runId;
  const names = { workflowId, workflowRunId };
  const known = await runOfWorkflow(deps.db, names);
  return known ?? (await allocateSyncRun(deps.db, deps, sync, 'schedule', names)).runId;
}

/** Takes the lease, also from a run whose workflow Temporal no longer runs; false when another run holds it. */
async function leaseFor(deps: Dependencies, sync: Sync, runId: string): Promise<boolean> {
  const holder = await takeLease(deps.db, { syncId: sync.id, runId, instead: null });
  if (holder === undefined) return true;
  if (await isOpenWorkflow(deps.client, holder)) return false;
  await endAsFailed(deps, holder.runId, {
    code: 'runner_lost',
    message: 'The workflow of this run ended without reporting; a newer run has taken its place',
  });
  return (await takeLease(deps.db, { syncId: sync.id, runId, instead: holder.runId })) === undefined;
}

async function runSync(deps: Dependencies, run: Attempt, signal: AbortSignal): Promise<SyncStep> {
  const result = await runAttempt(deps, run, signal).catch((error) => {
    // A newer attempt goes on with this run, or its sync is gone: either way this one has nothing more to say.
    if (failureCode(error) === 'lease_lost') return undefined;
    throw error;
  });
  if (result === undefined) return { status: 'skipped', reason: 'gone' };
  if (result.outcome === null) return stopped(deps, run, result.requests);
  const end = endOf(run, { outcome: result.outcome, requests: result.requests }, deps.clock());
  await untilStored(() => settle(deps, run, end), signal);
  if (end.failure) return { status: 'failed', runId: run.runId, failure: failureForHistory(end.failure) };
  return {
    status: 'finished',
    runId: run.runId,
    counts: await untilStored(() => countsOfRun(deps.db, run.runId), signal),
  };
}

/** The worker is going away: another goes on. Anything else that stops an attempt ends its run. */
async function stopped(deps: Dependencies, run: Attempt, requests: number): Promise<SyncStep> {
  if (Context.current().cancellationDetails?.cancelRequested !== true)
    return { status: 'handedOver', runId: run.runId };
  const failure = { code: 'script_aborted', message: 'The run was cancelled' } as const;
  const ended = { runId: run.runId, fence: run.fence, failure, output: null, requests, at: deps.clock() };
  await settle(deps, run, { ...ended, state: 'cancelled' });
  return { status: 'cancelled', runId: run.runId };
}

/** Ends the run and gives the sync free in one transaction; only success moves `lastSyncDate`, to this run's start. */
async function settle(deps: Dependencies, run: Attempt, end: RunEnd): Promise<void> {
  await withTransaction(deps.db, async (db) => {
    if (!(await endRun(db, end)) || run.syncId === null) return;
    const lastSyncDate = end.state === 'success' ? run.startedAt : null;
    await releaseLease(db, { syncId: run.syncId, runId: run.runId, lastSyncDate });
  });
  deps.log('run.ended', {
    run: run.runId,
    name: run.name,
    startedBy: run.startedBy,
    state: end.state,
    error: end.failure?.message,
  });
}

async function giveUp(deps: Dependencies, run: Attempt): Promise<SyncStep> {
  const failure: RunFailure = {
    code: 'runner_lost',
    message: `The run was begun ${run.fence - 1} times and its process died each time; see the log of the worker`,
  };
  const end = { runId: run.runId, fence: run.fence, failure, output: null, requests: 0, at: deps.clock() };
  await settle(deps, run, { ...end, state: 'failed' });
  return { status: 'failed', runId: run.runId, failure };
}

function skippedRun(runId: string, at: Date): RunEnd {
  return { runId, fence: null, state: 'skipped', failure: null, output: null, requests: 0, at };
}

const LONGEST_MESSAGE = 2_000;

/** Histories keep code, place and a bounded message; the whole of it is in the run's row. */
function failureForHistory(failure: NonNullable<RunEnd['failure']>): RunFailure {
  const { code, message, location } = failure;
  return { code, message: message.slice(0, LONGEST_MESSAGE), ...(location && { location }) };
}
