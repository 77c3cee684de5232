/** Runs that nobody waits for: their row is written with what happened, their workflow is started after that. */
import type { Queryable } from './db.ts';

export type UnstartedRun = { readonly runId: string; readonly workflowId: string };

/**
 * Runs of post-connection-creation scripts that are still queued: the process that was to start them died. Those of
 * other events have somebody who waits for them.
 */
export async function unstartedRuns(db: Queryable, before: Date, limit: number): Promise<UnstartedRun[]> {
  const result = await db.query<UnstartedRun>(
    `select r.id as "runId", r.workflow_id as "workflowId"
     from runs r join scripts s on s.id = r.script_id
     where r.state = 'queued' and r.started_by in ('event', 'webhook') and r.created_at < $1::timestamptz
       and s.kind = 'post-connection-creation'
     order by r.created_at
     limit $2::int`,
    [before, limit],
  );
  return result.rows;
}
