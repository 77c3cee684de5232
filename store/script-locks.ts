/** Locks that scripts take against other runs of their environment. A trigger gives them up when their run ends. */
import type { Queryable } from './db.ts';

type Lock = { readonly environmentId: string; readonly key: string; readonly runId: string };

/** Takes the lock, prolongs it for the run that has it, or takes over one whose time is over; false when it is held. */
export async function acquireLock(
  db: Queryable,
  lock: Lock & { readonly at: Date; readonly ttlMs: number },
): Promise<boolean> {
  const result = await db.query(
    `insert into script_locks as l (environment_id, key, run_id, expires_at)
     values ($1::bigint, $2::text, $3::text, $4::timestamptz)
     on conflict (environment_id, key) do update
       set run_id = excluded.run_id, expires_at = excluded.expires_at
       where l.run_id = excluded.run_id or l.expires_at <= $5::timestamptz`,
    [lock.environmentId, lock.key, lock.runId, new Date(lock.at.getTime() + lock.ttlMs), lock.at],
  );
  return result.rowCount === 1;
}

/** Gives up one lock of the run, or all of them with null. Whether there was one. */
export async function releaseLocks(
  db: Queryable,
  lock: { readonly runId: string; readonly key: string | null },
): Promise<boolean> {
  const result = await db.query(
    `delete from script_locks where run_id = $1::text and ($2::text is null or key = $2::text)`,
    [lock.runId, lock.key],
  );
  return (result.rowCount ?? 0) > 0;
}
