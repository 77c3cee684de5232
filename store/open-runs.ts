/** Runs that have not ended: those whose workflow is to be started, looked for, or ended with them. */
import type { AllocatedRun } from '../contract/engine.ts';
import type { SyncAddress } from '../contract/ids.ts';
import type { RunKind } from '../contract/script.ts';
import type { RunState } from '../contract/sync.ts';
import { onlyRow, type Queryable } from './db.ts';
import type { StoredFailure } from './runs.ts';

/** How many runs are under way that one run has started, or those that it started, and so on. */
export async function openRunsOfRoot(
  db: Queryable,
  { rootRun, besides }: { readonly rootRun: string; readonly besides: string },
): Promise<number> {
  const result = await db.query<{ count: number }>(
    `select count(*)::int as count from runs
     where root_run = $1::text and id <> $2::text and state in ('queued', 'running', 'waiting')`,
    [rootRun, besides],
  );
  return onlyRow(result, `Runs of '${rootRun}'`).count;
}

/**
 * Allocated sync runs whose workflow may not have been started: their process died in between, or Temporal was told long
 * ago and may have lost it. With `syncIds` those of these syncs only.
 */
export async function queuedSyncRuns(
  db: Queryable,
  page: { afterId: string; limit: number; toldBefore: Date; syncIds?: readonly string[] },
): Promise<AllocatedRun[]> {
  type Row = Omit<AllocatedRun, 'address'> & SyncAddress;
  const result = await db.query<Row>(
    `select r.id as "runId", r.sync_id::text as "syncId", r.workflow_id as "workflowId", e.name as environment,
       i.unique_key as integration, c.connection_id as connection, r.name as sync, r.variant
     from runs r
       join environments e on e.id = r.environment_id
       join connections c on c.id = r.connection_id
       join integrations i on i.id = c.integration_id
     where r.state = 'queued' and r.kind = 'sync' and r.sync_id is not null and r.id > $1::text
       and (r.told_at is null or r.told_at < $3::timestamptz)
       and ($4::bigint[] is null or r.sync_id = any($4::bigint[]))
     order by r.id
     limit $2::int`,
    [page.afterId, page.limit, page.toldBefore, page.syncIds ?? null],
  );
  return result.rows.map(({ runId, syncId, workflowId, ...address }) => ({ runId, syncId, workflowId, address }));
}

/** Notes that Temporal has these runs, so that nobody tells it again while they wait for a worker. */
export async function markTold(db: Queryable, runIds: readonly string[], at: Date): Promise<void> {
  if (runIds.length === 0) return;
  await db.query(`update runs set told_at = $2::timestamptz where id = any($1::text[]) and state = 'queued'`, [
    runIds,
    at,
  ]);
}

export type OpenRun = {
  readonly runId: string;
  readonly state: RunState;
  readonly workflowId: string;
  readonly workflowRunId: string | null;
};

/** The oldest allocated run of a sync whose script has not begun. */
export async function queuedRunOf(db: Queryable, syncId: string): Promise<OpenRun | undefined> {
  const result = await db.query<OpenRun>(
    `select id as "runId", state, workflow_id as "workflowId", workflow_run_id as "workflowRunId"
     from runs
     where sync_id = $1::bigint and state = 'queued' and kind = 'sync'
     order by created_at, id
     limit 1`,
    [syncId],
  );
  return result.rows[0];
}

/** Workflows of runs that have not ended, of one connection or of all connections of an integration. */
export async function openWorkflows(
  db: Queryable,
  owner: { connectionRow: string } | { integrationId: string } | { syncId: string },
): Promise<string[]> {
  const [column, id] = columnOf(owner);
  const result = await db.query<{ workflowId: string }>(
    `select r.workflow_id as "workflowId"
     from runs r join connections c on c.id = r.connection_id
     where ${column} = $1::bigint and r.state in ('queued', 'running', 'waiting')`,
    [id],
  );
  return result.rows.map((row) => row.workflowId);
}

function columnOf(owner: { connectionRow: string } | { integrationId: string } | { syncId: string }) {
  if ('connectionRow' in owner) return ['c.id', owner.connectionRow] as const;
  if ('syncId' in owner) return ['r.sync_id', owner.syncId] as const;
  return ['c.integration_id', owner.integrationId] as const;
}

type BegunRun = {
  readonly runId: string;
  readonly kind: RunKind;
  readonly workflowId: string;
  readonly workflowRunId: string | null;
};

/** Runs whose script has begun and not ended, a page after `afterId`. */
export async function openRuns(db: Queryable, page: { afterId: string; limit: number }): Promise<BegunRun[]> {
  const result = await db.query<BegunRun>(
    `select id as "runId", kind, workflow_id as "workflowId", workflow_run_id as "workflowRunId"
     from runs
     where state in ('running', 'waiting') and id > $1::text
     order by id
     limit $2::int`,
    [page.afterId, page.limit],
  );
  return result.rows;
}

/** Ends the runs of a workflow that are still open; answers the kind of each. */
export async function endOpenRuns(
  db: Queryable,
  end: { workflowId: string; state: 'failed' | 'cancelled'; failure: StoredFailure; at: Date },
): Promise<RunKind[]> {
  const result = await db.query<{ kind: RunKind }>(
    `update runs
     set state = $2::text, error = $3::jsonb, finished_at = $4::timestamptz, resume_at = null, wait_reason = null
     where workflow_id = $1::text and state in ('queued', 'running', 'waiting')
     returning kind`,
    [end.workflowId, end.state, JSON.stringify(end.failure), end.at],
  );
  return result.rows.map(({ kind }) => kind);
}
