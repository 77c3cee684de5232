/**
 * One run at a time per sync. The lease names its run; it does not expire by time, since waits may last for hours: a
 * new run takes it over only when the caller has asked Temporal and the holder's workflow is closed or unknown.
 */
import { EngineError } from '../contract/failures.ts';
import type { Queryable } from './db.ts';
import type { OpenRun } from './open-runs.ts';

export type LeaseHolder = {
  readonly runId: string;
  readonly workflowId: string;
  readonly workflowRunId: string | null;
};

/**
 * Takes the lease of a free sync, or finds it already ours. Answers the holder when another run has it. Safe outside a
 * transaction and against any number of concurrent takers: the lease only changes from a value this call has seen.
 * @throws EngineError `unknown_sync` when the sync is gone.
 */
export async function takeLease(
  db: Queryable,
  lease: { syncId: string; runId: string; instead: string | null },
): Promise<LeaseHolder | undefined> {
  const replaceable = lease.instead === null ? [lease.runId] : [lease.runId, lease.instead];
  for (;;) {
    if (await replaceLease(db, lease, replaceable)) return undefined;
    const current = await currentLease(db, lease.syncId);
    if (current.leaseRun === null) continue;
    if (current.holder !== undefined) return current.holder;
    replaceable.push(current.leaseRun);
  }
}

// Whether a holder has ended is read apart from this statement: inside it, a run that was allocated by the very
// transaction this update waits for would be invisible, and its lease would be taken away.
async function replaceLease(
  db: Queryable,
  lease: { syncId: string; runId: string },
  replaceable: readonly string[],
): Promise<boolean> {
  const taken = await db.query(
    `update syncs set lease_run = $2::text
     where id = $1::bigint and (lease_run is null or lease_run = any($3::text[]))`,
    [lease.syncId, lease.runId, replaceable],
  );
  return taken.rowCount === 1;
}

async function currentLease(
  db: Queryable,
  syncId: string,
): Promise<{ leaseRun: string | null; holder: LeaseHolder | undefined }> {
  const result = await db.query<{ leaseRun: string | null; runId: string | null } & Omit<LeaseHolder, 'runId'>>(
    `select y.lease_run as "leaseRun", r.id as "runId", r.workflow_id as "workflowId",
       r.workflow_run_id as "workflowRunId"
     from syncs y
       left join runs r on r.id = y.lease_run and r.state in ('queued', 'running', 'waiting')
     where y.id = $1::bigint`,
    [syncId],
  );
  const row = result.rows[0];
  if (row === undefined) throw new EngineError('unknown_sync', `Sync '${syncId}' is gone: no run can hold it`);
  const { leaseRun, runId, workflowId, workflowRunId } = row;
  return { leaseRun, holder: runId === null ? undefined : { runId, workflowId, workflowRunId } };
}

/** The run that holds the sync and has not ended. */
export async function leaseHolder(db: Queryable, syncId: string): Promise<OpenRun | undefined> {
  const result = await db.query<OpenRun>(
    `select r.id as "runId", r.state, r.workflow_id as "workflowId", r.workflow_run_id as "workflowRunId"
     from syncs y join runs r on r.id = y.lease_run
     where y.id = $1::bigint and r.state in ('queued', 'running', 'waiting')`,
    [syncId],
  );
  return result.rows[0];
}

/** Fixes what the script will see as `lastSyncDate`, once: later attempts of the run keep it. */
export async function fixLastSyncDate(db: Queryable, runId: string): Promise<void> {
  await db.query(
    `update runs r
     set last_sync_date = y.last_sync_date
     from syncs y, scripts s
     where r.id = $1::text and r.started_at is null and y.id = r.sync_id and s.id = y.script_id
       and s.sync_type = 'incremental'`,
    [runId],
  );
}

/** Gives the sync free; a successful run also leaves its own start as the next run's `lastSyncDate`. */
export async function releaseLease(
  db: Queryable,
  lease: { syncId: string; runId: string; lastSyncDate: Date | null },
): Promise<void> {
  await db.query(
    `update syncs
     set lease_run = null, last_sync_date = coalesce($3::timestamptz, last_sync_date)
     where id = $1::bigint and lease_run = $2::text`,
    [lease.syncId, lease.runId, lease.lastSyncDate],
  );
}
