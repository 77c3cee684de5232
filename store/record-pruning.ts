/** Payloads that are no longer needed: the record stays with its place, its times and its id. */
import { onlyRow, type Queryable } from './db.ts';
import { hashOf } from './record-content.ts';

/**
 * Prunes payloads of records up to a number, oldest change first. The same content saved again is still no change.
 * Belongs into a transaction: it holds the head's lock, so that it and a save never wait for each other's rows.
 */
export async function pruneRecords(
  db: Queryable,
  prune: { readonly headId: string; readonly untilSeq: string; readonly limit: number; readonly at: Date },
): Promise<{ readonly count: number; readonly hasMore: boolean }> {
  await db.query(`select from record_heads where id = $1::bigint for no key update`, [prune.headId]);
  const result = await db.query<{ count: number; hasMore: boolean }>(
    `with due as (
       select id, row_number() over (order by seq) as n from (
         select id, seq from records
         where head_id = $1::bigint and seq <= $2::bigint and pruned_at is null
         order by seq
         limit $3::int + 1
       ) r
     ), pruned as (
       update records r
       -- Of a sealed payload no hash may stay; the keyed digest of its text does.
       set pruned_hash = case when r.sealed is null then ${hashOf('r.payload')} end,
           sealed = null,
           payload = jsonb_build_object('id', coalesce(r.payload -> 'id', to_jsonb(r.id))),
           pruned_at = $4::timestamptz
       from due d
       where r.head_id = $1::bigint and r.id = d.id and d.n <= $3::int
       returning r.id
     )
     select (select count(*) from pruned)::int as count, (select count(*) > $3::int from due) as "hasMore"`,
    [prune.headId, prune.untilSeq, prune.limit, prune.at],
  );
  return onlyRow(result, 'pruneRecords');
}
