/**
 * One run at a time per sync. The lease names its run; it does not expire by time, since waits may last for hours: a
 * new run takes it over only when the caller has asked Temporal and the holder's workflow is closed or unknown.
 */
import type { Queryable } from './db.ts';

export type LeaseHolder = {
  readonly runId: string;
  readonly workflowId: string;
  readonly workflowRunId: string | null;
};

/** Takes the lease of a free sync, or finds it already ours. Answers the holder when another run has it. */
export async function takeLease(
  db: Queryable,
  lease: { syncId: string; runId: string; instead: string | null },
): Promise<LeaseHolder | undefined> {
  const taken = await db.query(
    `update syncs y
     set lease_run = $2::text
     where y.id = $1::bigint
       and (y.lease_run is null
         or y.lease_run = $2::text
         or y.lease_run = $3::text
         or not exists (
           select from runs r where r.id = y.lease_run and r.state in ('queued', 'running', 'waiting')))`,
    [lease.syncId, lease.runId, lease.instead],
  );
  if (taken.rowCount === 1) return undefined;
  const holder = await db.query<LeaseHolder>(
    `select r.id as "runId", r.workflow_id as "workflowId", r.workflow_run_id as "workflowRunId"
     from syncs y join runs r on r.id = y.lease_run
     where y.id = $1::bigint`,
    [lease.syncId],
  );
  return holder.rows[0];
}

/** The run that holds the sync and has not ended. */
export async function leaseHolder(db: Queryable, syncId: string): Promise<LeaseHolder | undefined> {
  const result = await db.query<LeaseHolder>(
    `select r.id as "runId", r.workflow_id as "workflowId", r.workflow_run_id as "workflowRunId"
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
