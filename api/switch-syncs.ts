import { forgetFailures } from '../store/back-off.ts';
import { withTransaction } from '../store/db.ts';
import { pauseRuns, resumeRuns } from '../store/run-control.ts';
import { latestRuns } from '../store/run-views.ts';
import { type Sync, setPaused } from '../store/syncs.ts';
import type { ApiDeps } from './deps.ts';
import { resumeWorkflows, tellEngine } from './tell-engine.ts';
import { triggerSync } from './trigger.ts';

/** Pauses syncs: none of them starts a run by its schedule, and what runs is suspended after the calls it is in. */
export async function pauseSyncs(deps: ApiDeps, syncs: readonly Sync[]): Promise<void> {
  const ids = syncs.map((sync) => sync.id);
  await withTransaction(deps.db, async (db) => {
    // Runs before syncs, as a run that ends locks them.
    await pauseRuns(db, ids);
    await setPaused(db, ids, true);
  });
  await tellEngine(deps);
}

/** Starts syncs: their schedules count again, and a run that was suspended goes on inside its script. */
export async function startSyncs(deps: ApiDeps, syncs: readonly Sync[]): Promise<void> {
  const ids = syncs.map((sync) => sync.id);
  const workflows = await withTransaction(deps.db, async (db) => {
    const resumed = await resumeRuns(db, ids, deps.clock());
    await setPaused(db, ids, false);
    await forgetFailures(db, { syncIds: ids });
    return resumed;
  });
  await resumeWorkflows(deps, workflows);
  await tellEngine(deps);
  for (const sync of await missedTheirTurn(deps, syncs)) await triggerSync(deps, sync);
}

/** Syncs that were paused past the time of their next run, or never ran: their first run does not wait for another one. */
async function missedTheirTurn(deps: ApiDeps, syncs: readonly Sync[]): Promise<Sync[]> {
  const paused = syncs.filter((sync) => sync.paused);
  const runs = await latestRuns(
    deps.db,
    paused.map((sync) => sync.id),
  );
  const startedAt = new Map(runs.map((run) => [run.syncId, run.createdAt.getTime()]));
  const now = deps.clock().getTime();
  return paused.filter(({ id, intervalMs }) => (startedAt.get(id) ?? 0) + intervalMs <= now);
}
