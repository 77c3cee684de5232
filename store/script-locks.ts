/** Locks that scripts take against other runs of their environment. A trigger gives them up when their run ends. */
import { EngineError } from '../contract/failures.ts';
import type { Queryable } from './db.ts';

/**
 * Takes the lock, prolongs it for the run that has it, or takes over one whose time is over; false when it is held.
 * @throws EngineError `lease_lost` when another attempt holds the run, or it has ended: nobody would give the lock up.
 */
export async function acquireLock(
  db: Queryable,
  lock: {
    readonly environmentId: string;
    readonly key: string;
    readonly runId: string;
    readonly fence: number;
    readonly at: Date;
    readonly ttlMs: number;
  },
): Promise<boolean> {
  const result = await db.query<{ isTaken: boolean }>(
    `with holder as (
       select id from runs where id = $3::text and fence = $4::int and state = 'running' for share
     ), taken as (
       insert into script_locks as l (environment_id, key, run_id, expires_at)
       select $1::bigint, $2::text, h.id, $5::timestamptz from holder h
       on conflict (environment_id, key) do update
         set run_id = excluded.run_id, expires_at = excluded.expires_at
         where l.run_id = excluded.run_id or l.expires_at <= $6::timestamptz
       returning l.key
     )
     select exists (select from taken) as "isTaken" from holder`,
    [lock.environmentId, lock.key, lock.runId, lock.fence, new Date(lock.at.getTime() + lock.ttlMs), lock.at],
  );
  const [answer] = result.rows;
  if (answer === undefined) throw new EngineError('lease_lost', 'Another attempt of this run has taken over');
  return answer.isTaken;
}

/** Gives up one lock of the run, or all of them with null. Whether there was one. For transactions that check the fence. */
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
