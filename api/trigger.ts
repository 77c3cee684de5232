import type { AllocatedRun } from '../contract/engine.ts';
import type { RunState } from '../contract/sync.ts';
import type { Sync } from '../store/syncs.ts';
import { type TriggerOptions, triggerInStore } from '../store/trigger-sync.ts';
import type { ApiDeps } from './deps.ts';
import { cancelWorkflows, resumeWorkflows } from './tell-engine.ts';

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

/**
 * Starts a run of the sync, or joins the one that is under way; the answer is what happened. Whoever asks for a run gets
 * one, also of a paused sync: a run that is suspended goes on, and the sync stays paused.
 * @throws EngineError `conflict` where a script that runs already would have to begin with an empty cache.
 */
export async function triggerSync(deps: ApiDeps, sync: Sync, options: TriggerOptions = {}): Promise<TriggeredRun> {
  const allocation = await triggerInStore(deps.db, deps, sync, options);
  if ('joined' in allocation) await resumeWorkflows(deps, allocation.resumed);
  const cancelled = 'joined' in allocation ? undefined : allocation.cancelled;
  if (cancelled) {
    deps.metrics.runEnded({ kind: 'sync', state: 'cancelled' });
    await cancelWorkflows(deps, [cancelled.workflowId]);
  }
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
