/** Removing what a sync has saved, so that its next run finds nothing and adds everything. */
import { onlyRow, type Queryable } from './db.ts';
import { type Head, lockHead, type Writer } from './record-heads.ts';
import { NOT_BEGUN } from './run-room.ts';

/**
 * Removes up to `limit` records of the writing sync, each with its history; those that another sync claims stay. True
 * when there may be more. The head stays, so that cursors of readers remain good. Belongs into a transaction.
 */
export async function emptyCache(db: Queryable, writer: Writer, limit: number): Promise<boolean> {
  const head = await lockHead(db, writer);
  // Alone on its records is another sync: there is nothing here of this one.
  if (!head.isShared && head.writerId !== null && head.writerId !== writer.syncId) return false;
  const removed = await (head.isShared ? removeClaimed(db, head, writer, limit) : removeRecords(db, head, limit));
  if (removed.live > 0) {
    await db.query(`update record_heads set live = live - $2::bigint where id = $1::bigint`, [head.id, removed.live]);
  }
  return removed.seen === limit;
}

type Removed = { readonly seen: number; readonly live: number };

/** Removes up to `limit` records of a locked head and all claims on them; the count of live ones is the caller's. */
export async function removeRecords(db: Queryable, head: Pick<Head, 'id'>, limit: number): Promise<Removed> {
  const result = await db.query<Removed>(
    `with mine as materialized (
       select id from records where head_id = $1::bigint order by id limit $2::int
     ), unclaimed as (
       delete from record_claims c where c.head_id = $1::bigint and c.id = any(array(select id from mine))
     ), gone as (
       delete from records r where r.head_id = $1::bigint and r.id = any(array(select id from mine))
       returning r.deleted_at
     )
     select count(*)::int as seen, (count(*) filter (where deleted_at is null))::int as live from gone`,
    [head.id, limit],
  );
  return onlyRow(result, 'emptyCache');
}

async function removeClaimed(db: Queryable, head: Head, { syncId }: Writer, limit: number): Promise<Removed> {
  const result = await db.query<Removed>(
    `with mine as materialized (
       select id from record_claims where head_id = $1::bigint and sync_id = $2::bigint order by id limit $3::int
     ), unclaimed as (
       delete from record_claims c
       where c.head_id = $1::bigint and c.sync_id = $2::bigint and c.id = any(array(select id from mine))
     ), gone as (
       delete from records r
       where r.head_id = $1::bigint and r.id = any(array(select id from mine)) and not exists (
         select from record_claims c join syncs y on y.id = c.sync_id
         where c.head_id = $1::bigint and c.id = r.id and c.sync_id <> $2::bigint)
       returning r.deleted_at
     )
     select (select count(*) from mine)::int as seen, (count(*) filter (where deleted_at is null))::int as live
     from gone`,
    [head.id, syncId, limit],
  );
  return onlyRow(result, 'emptyCache');
}

/** Lets a run remove what its sync has saved before its script begins. False when that has begun already. */
export async function askForEmptyCache(db: Queryable, runId: string): Promise<boolean> {
  const asked = await db.query(`update runs set empty_cache = true where id = $1::text and ${NOT_BEGUN}`, [runId]);
  return asked.rowCount === 1;
}

/** The run has removed everything: its later attempts must not remove what it saves. */
export async function noteEmptyCache(db: Queryable, run: { runId: string; fence: number }): Promise<void> {
  await db.query(`update runs set empty_cache = false where id = $1::text and fence = $2::int`, [run.runId, run.fence]);
}
