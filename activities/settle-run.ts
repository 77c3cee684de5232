import type { RunFailure } from '../contract/sync.ts';
import { endOpenRuns } from '../store/open-runs.ts';
import type { Dependencies } from './dependencies.ts';

/** Ends what a workflow leaves open when it ends in a way its script never saw (cancelled while no worker lived). */
export function createSettleRun(deps: Dependencies) {
  return async ({ workflowId, failure }: { workflowId: string; failure: RunFailure }): Promise<void> => {
    const state = failure.code === 'script_aborted' ? 'cancelled' : 'failed';
    const kinds = await endOpenRuns(deps.db, { workflowId, state, failure, at: deps.clock() });
    for (const kind of kinds) deps.meter.runEnded({ kind, state });
  };
}
