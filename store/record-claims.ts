/**
 * Who still claims a record. Claims are kept where a comparison asks for them: by a sync while it looks for deletions,
 * and by every sync that shares its (connection, model, variant) with another one.
 */
import type { Queryable } from './db.ts';
import { type Head, lockHead, type Writer } from './record-heads.ts';

/** Locks the head for a sync that is about to write; before it does, since what others claim is what is there already. */
export async function openHead(db: Queryable, writer: Writer): Promise<Head> {
  const head = await lockHead(db, writer);
  return { ...head, isShared: await meetOtherWriters(db, head, writer) };
}

/** Notes that the writing sync has seen these records now. */
export async function claimRecords(db: Queryable, head: Head, writer: Writer, ids: readonly string[]): Promise<void> {
  if (writer.syncId === null || ids.length === 0 || !(head.isShared || head.isTracked)) return;
  await db.query({
    name: 'claim-records',
    text: `insert into record_claims as c (head_id, sync_id, seen, id)
      select $1::bigint, $2::bigint, $3::bigint, i.id from unnest($4::text[]) as i (id)
      on conflict (head_id, id, sync_id) do update set seen = excluded.seen where c.seen <> excluded.seen`,
    values: [head.id, writer.syncId, head.generation, ids],
  });
}

/**
 * Whether the head is shared once this sync has written to it. The first sync needs no claims, everything is its own;
 * when a second one comes, the first gets claims on all that is there.
 */
async function meetOtherWriters(db: Queryable, head: Head, { syncId }: Writer): Promise<boolean> {
  if (head.isShared || syncId === null || head.writerId === syncId) return head.isShared;
  const other = head.writerId === null ? false : await isLiving(db, head.writerId);
  if (!other) {
    await db.query(`update record_heads set writer_id = $2::bigint where id = $1::bigint`, [head.id, syncId]);
    return false;
  }
  await db.query(`update record_heads set is_shared = true where id = $1::bigint`, [head.id]);
  await db.query(
    `insert into record_claims (head_id, sync_id, seen, id)
     select head_id, $2::bigint, $3::bigint, id from records
     where head_id = $1::bigint and deleted_at is null
     on conflict do nothing`,
    [head.id, head.writerId, head.generation],
  );
  return true;
}

async function isLiving(db: Queryable, syncId: string): Promise<boolean> {
  return (await db.query(`select from syncs where id = $1::bigint`, [syncId])).rowCount === 1;
}
