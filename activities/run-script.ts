import { Context } from '@temporalio/activity';
import type { RunFailure, SyncInput, SyncStep } from '../contract/sync.ts';
import { allocateSyncRun } from '../store/allocation.ts';
import { type Queryable, withTransaction } from '../store/db.ts';
import { heldByRuns } from '../store/held-deletions.ts';
import { settleIdentity } from '../store/identity.ts';
import { fixLastSyncDate, releaseLease, takeLease } from '../store/lease.ts';
import { noteOutcome } from './back-off.ts';
import { announceRun } from './announce-run.ts';
import { PAUSED } from '../store/run-control.ts';
import { countsOfRun, progressOfRun } from '../store/run-views.ts';
import { type Attempt, endRun, type RunEnd, runOfWorkflow } from '../store/runs.ts';
import { type Sync, syncById } from '../store/syncs.ts';
import { failureCode } from '../contract/failures.ts';
import { cancellationOf, endAsFailed, runAttempt, type Supervision } from './attempt.ts';
import type { Dependencies } from './dependencies.ts';
import { currentExecution, scheduledAt } from './execution.ts';
import { withHeartbeat } from './heartbeat.ts';
import { beginWithRoom, wakeNextInLine } from './room.ts';
import { untilStored } from './store-retry.ts';
import { isOpenWorkflow } from './workflow-state.ts';
import type { Stored } from './recorder.ts';

/**
 * Runs a sync's script: takes the sync's lease and a new fence, runs, and ends the run in the same activity. Repeating
 * it is safe at any point: the fence shuts out the attempt before, and rows are upserted.
 */
export function createRunScript(deps: Dependencies): (input: SyncInput) => Promise<SyncStep> {
  return (input) =>
    withHeartbeat(async (signal, tell) => {
      const found = await findSyncRun(deps, input, signal);
      if ('status' in found) return found;
      const watched = deps.control.watch(found.runId);
      try {
        const run = await beginSyncRun(deps, found, signal);
        if ('status' in run) return run;
        watched.heed(run.control);
        deps.log('run.started', { run: run.runId, name: run.name, attempt: run.fence });
        const step = await runSync(deps, run, { signal, watched, onStored: totalling(run, tell) });
        if (step.status !== 'handedOver') await wakeNextInLine(deps, run.runId);
        return step;
      } finally {
        watched.end();
      }
    });
}

type SyncRun = { readonly sync: Sync; readonly runId: string };

async function findSyncRun(deps: Dependencies, input: SyncInput, signal: AbortSignal): Promise<SyncRun | SyncStep> {
  const sync = await untilStored(() => syncById(deps.db, input.syncId), signal);
  if (sync === undefined) return { status: 'skipped', reason: 'gone' };
  const runId = await untilStored(() => runOf(deps, input, sync, currentExecution()), signal);
  if (runId !== undefined) return { sync, runId };
  return { status: 'skipped', reason: sync.paused ? 'paused' : 'backing off' };
}

async function beginSyncRun(
  deps: Dependencies,
  { sync, runId }: SyncRun,
  signal: AbortSignal,
): Promise<Attempt | SyncStep> {
  if (!(await untilStored(() => leaseFor(deps, sync, runId), signal))) {
    await endRun(deps.db, skippedRun(runId, deps.clock()));
    deps.meter.runEnded({ kind: 'sync', state: 'skipped' });
    return { status: 'skipped', reason: 'running' };
  }
  await untilStored(() => settleIdentity(deps.db), signal);
  await untilStored(() => fixLastSyncDate(deps.db, runId), signal);
  // A worker that was frozen may get hold of a task that has long timed out: it must not take over from the newer one.
  const start = { runId, workflowRunId: currentExecution().runId, at: deps.clock(), taskAt: scheduledAt() };
  const admission = await untilStored(() => beginWithRoom(deps, start), signal);
  if (admission.status === 'gone') return { status: 'skipped', reason: 'gone' };
  if (admission.status === 'in line') return waitInLine(deps, runId, admission);
  const { attempt } = admission;
  if (attempt.idleStarts <= deps.limits.maxIdleStarts) return attempt;
  return giveUp(deps, attempt);
}

function waitInLine(deps: Dependencies, runId: string, wait: { resumeAt: Date; reason: string }): SyncStep {
  const resumeAt = wait.resumeAt.toISOString();
  deps.log('run.waiting', { run: runId, until: resumeAt, reason: wait.reason });
  return { status: 'waiting', runId, resumeAt, reason: wait.reason };
}

/**
 * The run this workflow belongs to; one that a schedule started gets it here, once. None when the sync was paused and
 * the schedule had not heard of it yet, or when it has failed too often to run at each tick.
 */
async function runOf(
  deps: Dependencies,
  input: SyncInput,
  sync: Sync,
  { workflowId, runId: workflowRunId }: { readonly workflowId: string; readonly runId: string },
): Promise<string | undefined> {
  if (input.runId !== undefined) return input.runId;
  const names = { workflowId, workflowRunId };
  const known = await runOfWorkflow(deps.db, names);
  if (known !== undefined || sync.paused || backsOff(deps, sync)) return known;
  return (await allocateSyncRun(deps.db, deps, sync, 'schedule', names)).runId;
}

function backsOff({ limits, clock }: Dependencies, { backsOffUntil }: Sync): boolean {
  return limits.backOffAfter > 0 && backsOffUntil !== null && backsOffUntil > clock();
}

/** Takes the lease, also from a run whose workflow Temporal no longer runs; false when another run holds it. */
async function leaseFor(deps: Dependencies, sync: Sync, runId: string): Promise<boolean> {
  const holder = await takeLease(deps.db, { syncId: sync.id, runId, instead: null });
  if (holder === undefined) return true;
  if (await isOpenWorkflow(deps.client, holder)) return false;
  await endAsFailed(
    deps,
    { ...holder, kind: 'sync' },
    {
      code: 'runner_lost',
      message: 'The workflow of this run ended without reporting; a newer run has taken its place',
    },
  );
  return (await takeLease(deps.db, { syncId: sync.id, runId, instead: holder.runId })) === undefined;
}

async function runSync(
  deps: Dependencies,
  run: Attempt,
  { signal, watched, onStored }: Omit<Supervision, 'onEnd'>,
): Promise<SyncStep> {
  const onEnd = (db: Queryable, end: RunEnd): Promise<void> => release(db, deps, run, end);
  const result = await runAttempt(deps, run, { signal, watched, onEnd, onStored }).catch((error) => {
    // A newer attempt goes on with this run, or its sync is gone: either way this one has nothing more to say.
    if (failureCode(error) !== 'lease_lost') throw error;
    deps.log('run.attempt_lost', { run: run.runId, name: run.name, attempt: run.fence });
    return undefined;
  });
  if (result === undefined) return { status: 'skipped', reason: 'gone' };
  const { runId } = run;
  switch (result.status) {
    case 'waiting':
      return waitingStep(deps, runId, { resumeAt: result.resumeAt.toISOString(), reason: result.reason }, signal);
    case 'paused':
      return waitingStep(deps, runId, { resumeAt: null, reason: PAUSED }, signal);
    case 'interrupted':
      return handOver(deps, run);
    case 'stopped':
      if (watched.cancelled.aborted) await askForCancellation(deps);
      else if (Context.current().cancellationDetails?.cancelRequested !== true) return handOver(deps, run);
      return cancel(deps, run);
    case 'ended':
      tellEnd(deps, run, result);
      await announceRun(deps, runId);
      if (result.failure) return { status: 'failed', runId, failure: failureForHistory(result.failure) };
      return { status: 'finished', runId, ...(await untilStored(() => whatRunDid(deps.db, runId), signal)) };
  }
}

/** Adds up what an attempt has stored, for whoever looks at its heartbeats. */
function totalling(
  { fence }: Attempt,
  tell: (progress: Readonly<Record<string, number>>) => void,
): (stored: Stored) => void {
  const total = { attempt: fence, requests: 0, added: 0, updated: 0, deleted: 0 };
  return ({ requests, added, updated, deleted }) => {
    total.requests += requests;
    total.added += added;
    total.updated += updated;
    total.deleted += deleted;
    tell({ ...total });
  };
}

async function waitingStep(
  deps: Dependencies,
  runId: string,
  wait: { readonly resumeAt: string | null; readonly reason: string },
  signal: AbortSignal,
): Promise<SyncStep> {
  const done = await untilStored(() => progressOfRun(deps.db, runId), signal);
  return { status: 'waiting', runId, ...wait, ...(done && { done }) };
}

async function whatRunDid(db: Queryable, runId: string) {
  const counts = await countsOfRun(db, runId);
  const deletionsHeld = (await heldByRuns(db, [runId])).get(runId);
  return { counts, ...(deletionsHeld && { deletionsHeld }) };
}

/** The worker is going away, or Temporal has given the run to another: that one goes on. */
function handOver(deps: Dependencies, { runId, name, fence }: Attempt): SyncStep {
  deps.log('run.handed_over', { run: runId, name, attempt: fence });
  return { status: 'handedOver', runId };
}

async function cancel(deps: Dependencies, run: Attempt): Promise<SyncStep> {
  await end(deps, run, { state: 'cancelled', failure: await cancellationOf(deps, run) });
  return { status: 'cancelled', runId: run.runId };
}

/** A workflow ends as cancelled only if Temporal was asked for it, which the worker may have been told sooner. */
async function askForCancellation({ client, log }: Dependencies): Promise<void> {
  const { workflowId, runId } = currentExecution();
  await client.workflow
    .getHandle(workflowId, runId)
    .cancel()
    .catch((error: unknown) => log('cancel.postponed', { workflow: workflowId, reason: String(error) }));
}

async function giveUp(deps: Dependencies, run: Attempt): Promise<SyncStep> {
  const failure: RunFailure = {
    code: 'runner_lost',
    message: `The run was started ${run.idleStarts - 1} times without getting on, its process died each time; see the log of the worker`,
  };
  await end(deps, run, { state: 'failed', failure });
  return { status: 'failed', runId: run.runId, failure };
}

async function end(deps: Dependencies, run: Attempt, how: Pick<RunEnd, 'state' | 'failure'>): Promise<void> {
  const ending: RunEnd = { runId: run.runId, fence: run.fence, output: null, at: deps.clock(), ...how };
  const hasEnded = await withTransaction(deps.db, async (db) => {
    if (!(await endRun(db, ending))) return false;
    await release(db, deps, run, ending);
    return true;
  });
  if (hasEnded) deps.meter.runEnded({ kind: run.kind, state: ending.state });
  tellEnd(deps, run, ending);
  await announceRun(deps, run.runId);
}

/** Gives the sync free with the end of its run; only success moves `lastSyncDate`, to this run's start. */
async function release(
  db: Queryable,
  deps: Dependencies,
  run: Attempt,
  end: Pick<RunEnd, 'state' | 'at'>,
): Promise<void> {
  if (run.syncId === null) return;
  const lastSyncDate = end.state === 'success' ? run.startedAt : null;
  await releaseLease(db, { syncId: run.syncId, runId: run.runId, lastSyncDate });
  await noteOutcome(db, deps, run, end);
}

function tellEnd(deps: Dependencies, run: Attempt, { state, failure }: Pick<RunEnd, 'state' | 'failure'>): void {
  const { runId, name, startedBy } = run;
  deps.log('run.ended', { run: runId, name, startedBy, state, error: failure?.message });
}

function skippedRun(runId: string, at: Date): RunEnd {
  return { runId, fence: null, state: 'skipped', failure: null, output: null, at };
}

const LONGEST_MESSAGE = 2_000;

/** Histories keep code, place and a bounded message; the whole of it is in the run's row. */
function failureForHistory(failure: NonNullable<RunEnd['failure']>): RunFailure {
  const { code, message, location } = failure;
  return { code, message: message.slice(0, LONGEST_MESSAGE), ...(location && { location }) };
}
