/** How the run of an action ends for whoever called it. */
import { EngineError } from '../contract/failures.ts';
import { releaseKey } from '../store/action-keys.ts';
import { withTransaction } from '../store/db.ts';
import { actionResult, endRun } from '../store/runs.ts';
import type { ApiDeps } from './deps.ts';

/**
 * Whoever hears that Temporal was out of reach may call again: an action that has not begun must not run later then.
 * Fence 0 is that of a run no attempt has begun; one that has begun goes on and keeps its own outcome.
 */
export async function giveUp(deps: ApiDeps, runId: string, error: unknown): Promise<never> {
  const failure = {
    code: 'engine_unavailable',
    message: 'Temporal was out of reach before the action began',
  } as const;
  const hasEnded = await withTransaction(deps.db, async (db) => {
    const ended = await endRun(db, { runId, fence: 0, state: 'failed', failure, output: null, at: deps.clock() });
    if (ended) await releaseKey(db, runId);
    return ended;
  });
  if (hasEnded) deps.metrics.runEnded({ kind: 'action', state: 'failed' });
  throw error;
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
