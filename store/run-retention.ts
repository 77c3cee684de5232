/** Removal of runs and deliveries that are past their time. */
import type { Queryable } from './db.ts';

type Past = { readonly before: Date; readonly now: Date; readonly limit: number };

/**
 * Removes at most `limit` runs that ended before that time, with their lines, counts and journals; answers how many. Those
 * stay that something still asks about: the last run of a sync and the last one that was not skipped, the holder of a
 * lease, what an idempotency key answers with, a script's own actions while the run that began the chain is open, and
 * what a webhook is still to tell of.
 */
export async function removeRuns(db: Queryable, { before, now, limit }: Past): Promise<number> {
  const result = await db.query(
    `delete from runs where id = any(array(
       select r.id
       from environments e
         cross join lateral (
           select id, sync_id, root_run, created_at, state from runs
           where environment_id = e.id and finished_at < $1::timestamptz
         ) r
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
       limit $3::int))`,
    [before, now, limit],
  );
  return result.rowCount ?? 0;
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
