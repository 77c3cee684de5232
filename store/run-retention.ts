/** Removal of runs and deliveries that are past their time. */
import { onlyRow, type Queryable } from './db.ts';

type Past = { readonly before: Date; readonly now: Date; readonly limit: number };

/**
 * Looks at `limit` runs that ended before that time and removes those that may go, with their lines, counts and journals;
 * answers how many it looked at and how many it removed. Those stay that something still asks about: the last run of a sync
 * and the last one that was not skipped, the holder of a lease, what an idempotency key answers with, a script's own actions
 * while the run that began the chain is open, and what a webhook is still to tell of. A run that stays is looked at again
 * when `before` is a day later, so that sweeps which find nothing cost nothing, however many runs stay.
 */
export async function removeRuns(
  db: Queryable,
  { before, now, limit }: Past,
): Promise<{ readonly looked: number; readonly removed: number }> {
  const result = await db.query<{ looked: number; removed: number }>(
    `with looked as (
       select id, sync_id, root_run, created_at, state from runs
       where finished_at is not null and coalesce(look_again, finished_at) < $1::timestamptz
       order by coalesce(look_again, finished_at)
       limit $3::int
     ), removed as (
       delete from runs where id in (
         select r.id from looked r
         where not exists (select from action_keys k where k.run_id = r.id and k.expires_at > $2::timestamptz)
           and not exists (select from webhook_deliveries d where d.run_id = r.id and d.state = 'pending')
           and not exists (select from runs o where o.id = r.root_run and o.finished_at is null)
           and (r.sync_id is null or not exists (select from syncs y where y.id = r.sync_id) or (
             not exists (select from syncs y where y.lease_run = r.id)
             and exists (select from runs n where n.sync_id = r.sync_id and (n.created_at, n.id) > (r.created_at, r.id))
             and (r.state = 'skipped' or exists (
               select from runs n
               where n.sync_id = r.sync_id and (n.created_at, n.id) > (r.created_at, r.id) and n.state <> 'skipped'
                 and n.kind = 'sync'))))
       ) returning id
     ), kept as (
       update runs set look_again = $1::timestamptz + interval '1 day'
       where id in (select id from looked) and id not in (select id from removed)
     )
     select (select count(*) from looked)::int as looked, (select count(*) from removed)::int as removed`,
    [before, now, limit],
  );
  return onlyRow(result, 'removeRuns');
}

/** Removes at most `limit` deliveries that ended before that time; answers how many. One whose replay is under way stays. */
export async function removeDeliveries(db: Queryable, { before, limit }: Omit<Past, 'now'>): Promise<number> {
  const result = await db.query(
    `delete from webhook_deliveries where id = any(array(
       select d.id from webhook_deliveries d
       where d.ended_at < $1::timestamptz
         and not exists (select from webhook_deliveries p where p.replay_of = d.id and p.state = 'pending')
       order by d.ended_at
       limit $2::int))`,
    [before, limit],
  );
  return result.rowCount ?? 0;
}
