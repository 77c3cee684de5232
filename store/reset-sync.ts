/** Resetting a sync: its next run begins as the first one did, with the records that are there. */
import { writeCheckpoint } from './checkpoints.ts';
import type { Queryable } from './db.ts';
import { pendingCalls } from './journal.ts';
import { notifyControl } from './run-control.ts';
import { NOT_BEGUN } from './run-room.ts';
import type { StoredFailure } from './runs.ts';
import type { Sync } from './syncs.ts';

/**
 * Forgets `lastSyncDate` and checkpoint of a sync. Belongs in a transaction, after what ends the sync's open run: whoever
 * ends a run locks its row before that of the sync.
 */
export async function forgetProgress(db: Queryable, sync: Sync, at: Date): Promise<void> {
  const { connectionRow, name, variant } = sync;
  await writeCheckpoint(db, { connectionRow, kind: 'sync', name, variant }, null, at);
  await db.query(`update syncs set last_sync_date = null where id = $1::bigint`, [sync.id]);
}

/**
 * Lets a run that has not begun begin without a `lastSyncDate`, which it may have fixed already. False for one that has
 * begun or ended.
 */
export async function freshenQueued(db: Queryable, runId: string): Promise<boolean> {
  const result = await db.query(`update runs set last_sync_date = null where id = $1::text and ${NOT_BEGUN}`, [runId]);
  return result.rowCount === 1;
}

/**
 * Ends an open run here and now, also one whose script runs: from this commit on nothing of it can be written, and its
 * worker is told to stop. False when it has ended. Belongs in a transaction.
 */
export async function endForReset(db: Queryable, run: { runId: string; at: Date }): Promise<boolean> {
  const open = await db.query<{ generation: number }>(
    `select generation from runs where id = $1::text and state in ('queued', 'running', 'waiting') for update`,
    [run.runId],
  );
  const [row] = open.rows;
  if (row === undefined) return false;
  const calls = await pendingCalls(db, { runId: run.runId, generation: row.generation });
  const cut = calls.filter(({ state, harmless }) => state === 'intended' && !harmless).map(({ what }) => what);
  const doubt = cut.length === 0 ? '' : `, while ${cut.join(', ')} was under way, which may have happened`;
  const failure: StoredFailure = {
    code: 'script_aborted',
    message: `The run was cancelled by a reset of its sync${doubt}`,
  };
  await db.query(
    `update runs
     set control = 'cancel', state = 'cancelled', error = $2::jsonb, finished_at = $3::timestamptz,
         resume_at = null, wait_reason = null
     where id = $1::text`,
    [run.runId, JSON.stringify(failure), run.at],
  );
  await notifyControl(db, run.runId);
  return true;
}
