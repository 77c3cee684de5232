import type { AllocatedRun } from '../contract/engine.ts';
import { EngineError } from '../contract/failures.ts';
import type { RunState } from '../contract/sync.ts';
import { allocateSyncRun } from '../store/allocation.ts';
import { withTransaction } from '../store/db.ts';
import { askForEmptyCache } from '../store/empty-cache.ts';
import { leaseHolder } from '../store/lease.ts';
import { endForReset, forgetProgress, freshenQueued } from '../store/reset-sync.ts';
import { resumeRuns } from '../store/run-control.ts';
import { type OpenRun, queuedRunOf } from '../store/runs.ts';
import { lockTriggers } from '../store/locks.ts';
import type { Sync } from '../store/syncs.ts';
import type { ApiDeps } from './deps.ts';
import { cancelWorkflows, resumeWorkflows } from './tell-engine.ts';

export type TriggerOptions = {
  /** Forget `lastSyncDate` and checkpoint; a run that is under way is cancelled, since it began with them. */
  readonly reset?: boolean;
  /** Remove what the sync has saved before its script begins, so that everything is added anew. */
  readonly emptyCache?: boolean;
};

export type TriggeredRun = {
  readonly sync: string;
  readonly variant: string;
  readonly connection_id: string;
  /** `joined`: a run was under way; `queued`: Temporal was out of reach and starts it later. */
  readonly state: 'started' | 'joined' | 'queued';
  readonly run_id: string;
  /** Of the run that is meant: one that was joined may wait. */
  readonly run_state: RunState;
  readonly workflow_id: string;
  readonly link: string | null;
  /** The run that a reset has cancelled. */
  readonly cancelled_run_id?: string;
};

type Allocation =
  | { readonly joined: OpenRun; readonly resumed: readonly string[] }
  | { readonly allocated: AllocatedRun; readonly cancelled?: OpenRun };

/**
 * Starts a run of the sync, or joins the one that is under way; the answer is what happened. Whoever asks for a run gets
 * one, also of a paused sync: a run that is suspended goes on, and the sync stays paused.
 * @throws EngineError `conflict` where a script that runs already would have to begin with an empty cache.
 */
export async function triggerSync(deps: ApiDeps, sync: Sync, options: TriggerOptions = {}): Promise<TriggeredRun> {
  const allocation = await (options.reset ? allocateAfresh : allocateOrJoin)(deps, sync, options);
  if ('joined' in allocation) await resumeWorkflows(deps, allocation.resumed);
  const cancelled = 'joined' in allocation ? undefined : allocation.cancelled;
  if (cancelled) await cancelWorkflows(deps, [cancelled.workflowId]);
  const run = 'joined' in allocation ? allocation.joined : { ...allocation.allocated, workflowRunId: null };
  const state = 'joined' in allocation ? 'joined' : (await startNow(deps, allocation.allocated)) ? 'started' : 'queued';
  return {
    sync: sync.name,
    variant: sync.variant,
    connection_id: sync.connectionId,
    state,
    run_id: run.runId,
    run_state: 'joined' in allocation ? allocation.joined.state : 'queued',
    workflow_id: run.workflowId,
    link: deps.engine.linkTo({ workflowId: run.workflowId, workflowRunId: run.workflowRunId }),
    ...(cancelled && { cancelled_run_id: cancelled.runId }),
  };
}

/** Under a lock of the sync's triggers, so that two triggers at once come to one run. */
async function allocateOrJoin(deps: ApiDeps, sync: Sync, { emptyCache }: TriggerOptions): Promise<Allocation> {
  return withTransaction(deps.db, async (db) => {
    await lockTriggers(db, sync.id);
    const joined = (await leaseHolder(db, sync.id)) ?? (await queuedRunOf(db, sync.id));
    const allocated = joined ?? (await allocateSyncRun(db, deps, sync, 'api'));
    if (emptyCache && !(await askForEmptyCache(db, allocated.runId))) throw alreadyRunning(sync);
    if (joined === undefined) return { allocated: allocated as AllocatedRun };
    return { joined, resumed: await resumeRuns(db, [sync.id], deps.clock()) };
  });
}

/** A run that knows of none before it: the queued one, or a new one in the place of one that is under way. */
async function allocateAfresh(deps: ApiDeps, sync: Sync, { emptyCache }: TriggerOptions): Promise<Allocation> {
  return withTransaction(deps.db, async (db) => {
    await lockTriggers(db, sync.id);
    const at = deps.clock();
    const open = (await leaseHolder(db, sync.id)) ?? (await queuedRunOf(db, sync.id));
    const isFresh = open !== undefined && (await freshenQueued(db, open.runId));
    const isCancelled = open !== undefined && !isFresh && (await endForReset(db, { runId: open.runId, at }));
    await forgetProgress(db, sync, at);
    const allocated = isFresh ? open : await allocateSyncRun(db, deps, sync, 'api');
    if (emptyCache && !(await askForEmptyCache(db, allocated.runId))) throw alreadyRunning(sync);
    if (isFresh) return { joined: open, resumed: await resumeRuns(db, [sync.id], at) };
    return { allocated: allocated as AllocatedRun, ...(isCancelled && { cancelled: open }) };
  });
}

function alreadyRunning(sync: Sync): EngineError {
  return new EngineError(
    'conflict',
    `Sync '${sync.name}' of connection '${sync.connectionId}' is running: what it saves now cannot be told from what emptyCache would remove. Trigger it again when it has ended.`,
  );
}

async function startNow(deps: ApiDeps, run: AllocatedRun): Promise<boolean> {
  try {
    await deps.engine.startSync(run);
    return true;
  } catch (error) {
    deps.log('sync.start-postponed', {
      run: run.runId,
      reason: error instanceof Error ? error.message : String(error),
    });
    return false;
  }
}
