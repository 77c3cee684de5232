import { withTransaction } from '../store/db.ts';
import { emptyCache, noteEmptyCache } from '../store/empty-cache.ts';
import type { Attempt } from '../store/runs.ts';
import type { Dependencies } from './dependencies.ts';
import { untilStored } from './store-retry.ts';

const REMOVED_AT_ONCE = 2_000;

/**
 * Removes what the sync of a run has saved, if the run was asked to, in short transactions that its next attempt can go
 * on with. False when it was stopped on the way.
 */
export async function emptyCacheOf(
  deps: Pick<Dependencies, 'db' | 'clock'>,
  run: Attempt,
  stop: AbortSignal,
): Promise<boolean> {
  if (!run.emptyCache) return true;
  for (const model of run.models ?? []) {
    const writer = { ...run, model, at: deps.clock() };
    const remove = () => withTransaction(deps.db, (db) => emptyCache(db, writer, REMOVED_AT_ONCE));
    while (await untilStored(remove, stop)) if (stop.aborted) return false;
  }
  await untilStored(() => noteEmptyCache(deps.db, run), stop);
  return true;
}
