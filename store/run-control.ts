/**
 * What people ask of a run that is under way. The run's row is what counts; the notification only makes its worker look
 * at once instead of at its next flush.
 */
import type { Control, RunState } from '../contract/sync.ts';
import type { Queryable } from './db.ts';
import type { StartedBy, StoredFailure } from './runs.ts';

export const CONTROL_CHANNEL = 'nango_run_control';

export type CancelledRun = {
  /** `cancelled`, or `running` while its worker has yet to stop it. */
  readonly state: RunState;
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
     returning state, name, started_by as "startedBy", workflow_id as "workflowId"`,
    [run.runId, run.environmentId, JSON.stringify(run.failure), run.at],
  );
  const [cancelled] = result.rows;
  if (cancelled?.state === 'running') await notifyControl(db, run.runId);
  return cancelled;
}

/** What is asked of these runs; one of which nothing is asked is absent. */
export async function controlsOf(db: Queryable, runIds: readonly string[]): Promise<Map<string, Control>> {
  const result = await db.query<{ id: string; control: Control }>(
    `select id, control from runs where id = any($1::text[]) and control is not null`,
    [runIds],
  );
  return new Map(result.rows.map(({ id, control }) => [id, control]));
}

async function notifyControl(db: Queryable, runId: string): Promise<void> {
  await db.query(`select pg_notify($1::text, $2::text)`, [CONTROL_CHANNEL, runId]);
}
