/** How the run of an action ends for whoever called it. */
import { EngineError } from '../contract/failures.ts';
import { actionResult } from '../store/run-ends.ts';
import { endUnbegun } from '../store/unbegun-actions.ts';
import type { ApiDeps } from './deps.ts';

/** Whoever hears that Temporal was out of reach may call again: an action that has not begun must not run later then. */
export async function giveUp(deps: ApiDeps, runId: string, error: unknown): Promise<never> {
  const message = 'Temporal was out of reach before the action began';
  const end = { runId, failure: { code: 'engine_unavailable', message }, at: deps.clock() } as const;
  if (await endUnbegun(deps.db, end)) deps.metrics.runEnded({ kind: 'action', state: 'failed' });
  throw error;
}

/** Runs an action for a caller who waits; answers what it gave, as JSON text. @throws EngineError what it failed with. */
export async function runForCaller(
  deps: ApiDeps,
  run: { readonly runId: string; readonly workflowId: string },
  action: string,
): Promise<string> {
  const gave = await deps.engine.runAction(run).catch((error: unknown) => giveUp(deps, run.runId, error));
  return gave === undefined ? actionOutput(deps, run.runId, action) : (gave.output ?? 'null');
}

/** What an action that has ended gave, as JSON text. @throws EngineError what it failed with. */
export async function actionOutput(deps: ApiDeps, runId: string, action: string): Promise<string> {
  const { state, output, error } = await actionResult(deps.db, runId);
  if (state === 'success') return output ?? 'null';
  if (error !== null) {
    const { code, message, ...details } = error;
    throw new EngineError(code, message, { details });
  }
  if (state === 'cancelled')
    throw new EngineError('script_aborted', `Action '${action}' was cancelled (run ${runId}).`);
  throw new EngineError('runner_lost', `Action '${action}' ended without an outcome: GET /runs/${runId} has its log.`);
}
