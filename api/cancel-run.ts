import { EngineError } from '../contract/failures.ts';
import { withTransaction } from '../store/db.ts';
import type { Environment } from '../store/environments.ts';
import { cancelRun as cancelRow } from '../store/run-control.ts';
import { findRun } from '../store/run-views.ts';
import type { ApiDeps } from './deps.ts';
import { unknownRun } from './known.ts';
import { cancelWorkflows } from './tell-engine.ts';

export type Cancellation = { readonly run_id: string; readonly state: 'cancelled' | 'cancelling' };

/**
 * Cancels a run: at once where its script does not run, else within a moment by its worker. Temporal hears of it too,
 * and ends what no worker answers for.
 * @throws EngineError `unknown_run`, or `conflict` for a run that has ended in another way.
 */
export async function cancelRun(deps: ApiDeps, environment: Environment, runId: string): Promise<Cancellation> {
  const failure = { code: 'script_aborted', message: 'The run was cancelled' } as const;
  const ask = { environmentId: environment.id, runId, failure, at: deps.clock() };
  const run = await withTransaction(deps.db, (db) => cancelRow(db, ask));
  if (run === undefined) return endedAlready(deps, environment, runId);
  await cancelWorkflows(deps, [run.workflowId]);
  if (run.state !== 'cancelled') return { run_id: runId, state: 'cancelling' };
  const { kind, name, startedBy, state } = run;
  deps.metrics.runEnded({ kind, state });
  deps.log('run.ended', { run: runId, name, startedBy, state, error: failure.message });
  return { run_id: runId, state: 'cancelled' };
}

async function endedAlready(deps: ApiDeps, environment: Environment, runId: string): Promise<Cancellation> {
  const run = await findRun(deps.db, environment.id, runId);
  if (run === undefined) throw unknownRun(runId);
  if (run.state === 'cancelled') return { run_id: runId, state: 'cancelled' };
  throw new EngineError('conflict', `Run '${runId}' cannot be cancelled: it has ended already (${run.state}).`);
}
