import type { AllocatedRun } from '../contract/engine.ts';
import { allocateSyncRun } from '../store/allocation.ts';
import { withTransaction } from '../store/db.ts';
import { type LeaseHolder, leaseHolder } from '../store/lease.ts';
import { queuedRunOf } from '../store/runs.ts';
import { lockSync, type Sync } from '../store/syncs.ts';
import type { ApiDeps } from './deps.ts';

export type TriggeredRun = {
  readonly sync: string;
  readonly variant: string;
  readonly connection_id: string;
  /** `joined`: a run was under way; `queued`: Temporal was out of reach and starts it later. */
  readonly state: 'started' | 'joined' | 'queued';
  readonly run_id: string;
  readonly workflow_id: string;
  readonly link: string | null;
};

type Allocation = { readonly joined: LeaseHolder } | { readonly allocated: AllocatedRun };

/** Starts a run of the sync, or joins the one that is under way; the answer is what happened. */
export async function triggerSync(deps: ApiDeps, sync: Sync): Promise<TriggeredRun> {
  const allocation = await allocateOrJoin(deps, sync);
  const run = 'joined' in allocation ? allocation.joined : { ...allocation.allocated, workflowRunId: null };
  const state = 'joined' in allocation ? 'joined' : (await startNow(deps, allocation.allocated)) ? 'started' : 'queued';
  return {
    sync: sync.name,
    variant: sync.variant,
    connection_id: sync.connectionId,
    state,
    run_id: run.runId,
    workflow_id: run.workflowId,
    link: deps.engine.linkTo({ workflowId: run.workflowId, workflowRunId: run.workflowRunId }),
  };
}

/** Under the lock of the sync's row, so that two triggers at once come to one run. */
async function allocateOrJoin(deps: ApiDeps, sync: Sync): Promise<Allocation> {
  return withTransaction(deps.db, async (db) => {
    await lockSync(db, sync.id);
    const joined = (await leaseHolder(db, sync.id)) ?? (await queuedRunOf(db, sync.id));
    return joined ? { joined } : { allocated: await allocateSyncRun(db, deps, sync, 'api') };
  });
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
