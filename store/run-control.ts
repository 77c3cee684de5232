/**
 * What people ask of a run that is under way. The run's row is what counts; the notification only makes its worker look
 * at once instead of at its next flush.
 */
import type { RunKind } from '../contract/script.ts';
import type { Control, RunState } from '../contract/sync.ts';
import type { Queryable } from './db.ts';
import type { StartedBy, StoredFailure } from './runs.ts';

export const CONTROL_CHANNEL = 'nango_run_control';

export type CancelledRun = {
  /** `cancelled`, or `running` while its worker has yet to stop it. */
  readonly state: RunState;
  readonly kind: RunKind;
  readonly name: string;
  readonly startedBy: StartedBy;
  readonly workflowId: string;
};

/**
 * Cancels an open run: one whose script does not run ends here, which frees its sync; a running one is told. Belongs in
 * a transaction. Undefined when the run is unknown or has ended.
 */
export async function cancelRun(
  db: Queryable,
  run: { environmentId: string; runId: string; failure: StoredFailure; at: Date },
): Promise<CancelledRun | undefined> {
  const result = await db.query<CancelledRun>(
    `update runs
     set control = 'cancel',
         state = case when state = 'running' then state else 'cancelled' end,
         error = case when state = 'running' then error else $3::jsonb end,
         finished_at = case when state = 'running' then finished_at else $4::timestamptz end,
         resume_at = null,
         wait_reason = null
     where id = $1::text and environment_id = $2::bigint and state in ('queued', 'running', 'waiting')
     returning state, kind, name, started_by as "startedBy", workflow_id as "workflowId"`,
    [run.runId, run.environmentId, JSON.stringify(run.failure), run.at],
  );
  const [cancelled] = result.rows;
  if (cancelled?.state === 'running') await notifyControl(db, run.runId);
  return cancelled;
}

/** Why a paused run waits. */
export const PAUSED = 'paused';

/** Asks the open runs of these syncs to pause; one that waits already shows it at once, the others when they get there. */
export async function pauseRuns(db: Queryable, syncIds: readonly string[]): Promise<void> {
  const result = await db.query<{ id: string }>(
    `update runs
     set control = 'pause',
         resume_at = null,
         wait_reason = case when state = 'waiting' then $2::text end
     where sync_id = any($1::bigint[]) and kind = 'sync' and control is null and state in ('queued', 'running', 'waiting')
     returning id`,
    [syncIds, PAUSED],
  );
  for (const { id } of result.rows) await notifyControl(db, id);
}

/**
 * Takes the pause of these syncs' runs back and answers their workflows, which are to be told. Until they are, such a
 * run is one whose wait is over: reconcile finds it.
 */
export async function resumeRuns(db: Queryable, syncIds: readonly string[], at: Date): Promise<string[]> {
  const result = await db.query<{ workflowId: string }>(
    `update runs
     set control = null,
         resume_at = case when state = 'waiting' then $2::timestamptz end,
         wait_reason = case when state = 'waiting' then 'goes on' end
     where sync_id = any($1::bigint[]) and control = 'pause' and state in ('queued', 'running', 'waiting')
     returning workflow_id as "workflowId"`,
    [syncIds, at],
  );
  return result.rows.map((row) => row.workflowId);
}

/** Workflows of runs whose wait was over before `before`: nobody told them, or no worker came to it yet. */
export async function overdueWorkflows(db: Queryable, page: { before: Date; limit: number }): Promise<string[]> {
  const result = await db.query<{ workflowId: string }>(
    `select workflow_id as "workflowId" from runs
     where state = 'waiting' and control is null and resume_at < $1::timestamptz
     order by resume_at
     limit $2::int`,
    [page.before, page.limit],
  );
  return result.rows.map((row) => row.workflowId);
}

/** What is asked of these runs; one of which nothing is asked is absent. */
export async function controlsOf(db: Queryable, runIds: readonly string[]): Promise<Map<string, Control>> {
  const result = await db.query<{ id: string; control: Control }>(
    `select id, control from runs where id = any($1::text[]) and control is not null`,
    [runIds],
  );
  return new Map(result.rows.map(({ id, control }) => [id, control]));
}

/** Lets the worker of a run read again what is asked of it. */
export async function notifyControl(db: Queryable, runId: string): Promise<void> {
  await db.query(`select pg_notify($1::text, $2::text)`, [CONTROL_CHANNEL, runId]);
}
