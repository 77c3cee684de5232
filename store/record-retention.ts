/** How long records are kept. Both are off unless a deployment asks for them. */
import { type Database, type Queryable, withTransaction } from './db.ts';
import { removeRecords } from './empty-cache.ts';
import { pruneRecords } from './record-pruning.ts';
import { seqAtTime } from './record-reads.ts';

/** Days; 0 for ever. */
export type RecordRetention = {
  /** After so long without a change a record's payload is pruned. */
  readonly pruneAfterDays: number;
  /** After so long without a change the records of a model go that no sync of their connection saves any more. */
  readonly removeAfterDays: number;
};

export const KEEP_RECORDS: RecordRetention = { pruneAfterDays: 0, removeAfterDays: 0 };

export type AgedHead = {
  readonly id: string;
  readonly isToPrune: boolean;
  readonly isToRemove: boolean;
};

const ROWS_AT_ONCE = 1_000;

/** Heads after a number, and what is due of their records. */
export async function agedHeads(
  db: Queryable,
  page: { readonly afterId: string; readonly limit: number },
  times: { readonly pruneBefore: Date | null; readonly removeBefore: Date | null },
): Promise<AgedHead[]> {
  const result = await db.query<AgedHead>(
    `select h.id::text,
       coalesce(oldest.at < $3::timestamptz, false) as "isToPrune",
       coalesce(h.last_modified_at < $4::timestamptz and exists (select from records r where r.head_id = h.id)
         and not exists (
           select from syncs y join scripts s on s.id = y.script_id
           where y.connection_id = h.connection_id and y.variant = h.variant and h.model = any(s.models)), false)
         as "isToRemove"
     from record_heads h
       left join lateral (
         select r.last_modified_at as at from records r
         where r.head_id = h.id and r.seq > h.pruned_until
         order by r.seq
         limit 1
       ) oldest on $3::timestamptz is not null
     where h.id > $1::bigint
     order by h.id
     limit $2::int`,
    [page.afterId, page.limit, times.pruneBefore, times.removeBefore],
  );
  return result.rows;
}

/** Prunes some of a head's payloads that have not changed since `before`; true when more are due. */
export async function pruneAged(db: Database, headId: string, before: Date, at: Date): Promise<boolean> {
  const untilSeq = await seqAtTime(db, headId, before.toISOString());
  return withTransaction(db, async (tx) => {
    const { hasMore } = await pruneRecords(tx, { headId, untilSeq, limit: ROWS_AT_ONCE, at });
    if (!hasMore) await notePruned(tx, headId, untilSeq);
    return hasMore;
  });
}

async function notePruned(db: Queryable, headId: string, untilSeq: string): Promise<void> {
  await db.query(`update record_heads set pruned_until = $2::bigint where id = $1::bigint`, [headId, untilSeq]);
}

/**
 * Removes some of a head's records; true when there are more. The head stays: should its sync come back, numbers go on,
 * and a reader's cursor is good.
 */
export async function removeAged(db: Database, headId: string): Promise<boolean> {
  return withTransaction(db, async (tx) => {
    await tx.query(`select from record_heads where id = $1::bigint for no key update`, [headId]);
    const { seen, live } = await removeRecords(tx, { id: headId }, ROWS_AT_ONCE);
    await tx.query(`update record_heads set live = live - $2::bigint where id = $1::bigint`, [headId, live]);
    return seen === ROWS_AT_ONCE;
  });
}
