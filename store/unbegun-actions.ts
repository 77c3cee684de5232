/** Actions whose row is written and whose script never began. */
import { releaseKey } from './action-keys.ts';
import { type Database, type Queryable, withTransaction } from './db.ts';
import type { UnstartedRun } from './event-runs.ts';
import { endRun, type StoredFailure } from './runs.ts';

/** The version digit of ids that `runIdAt` makes; a script's own calls have others, and the script asks again itself. */
const CALLERS_OWN = `substr(id, 15, 1) = '7'`;

/** Those that a caller of the API asked for before that time. */
export async function unbegunActions(
  db: Queryable,
  page: { readonly before: Date; readonly afterId: string; readonly limit: number },
): Promise<UnstartedRun[]> {
  const result = await db.query<UnstartedRun>(
    `select id as "runId", workflow_id as "workflowId"
     from runs
     where state = 'queued' and kind = 'action' and started_by = 'api' and created_at < $1::timestamptz and ${CALLERS_OWN}
       and id > $2::text
     order by id
     limit $3::int`,
    [page.before, page.afterId, page.limit],
  );
  return result.rows;
}

/**
 * Ends an action that has not begun, so that it never will, and gives its idempotency key free. One that has begun after
 * all goes on and keeps its own outcome; false then.
 */
export function endUnbegun(
  db: Database,
  end: { readonly runId: string; readonly failure: StoredFailure; readonly at: Date },
): Promise<boolean> {
  return withTransaction(db, async (tx) => {
    // The fence of a run that no attempt has begun.
    const isOver = await endRun(tx, { ...end, fence: 0, state: 'failed', output: null });
    if (isOver) await releaseKey(tx, end.runId);
    return isOver;
  });
}
