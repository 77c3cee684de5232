/** Runs that leave alone what was changed by somebody else after they began to fetch (`ignore_if_modified_after`). */
import type { Queryable } from './db.ts';
import { type Head, lockHead, type Writer } from './record-heads.ts';

/** From here on the run writes only over what has not changed since, and over its own writes. */
export async function ignoreIfModifiedAfter(db: Queryable, writer: Writer): Promise<void> {
  const head = await lockHead(db, writer);
  await db.query(
    `insert into merging_strategies (run_id, head_id, captured_seq) values ($1::text, $2::bigint, $3::bigint)
     on conflict (run_id, head_id) do nothing`,
    [writer.runId, head.id, head.seq],
  );
}

/** The ids among these that the run must leave alone. */
export async function protectedIds(
  db: Queryable,
  head: Head,
  runId: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const result = await db.query<{ id: string }>(
    `select r.id
     from records r, merging_strategies s
     where r.head_id = $1::bigint and r.id = any($3::text[]) and s.run_id = $2::text and s.head_id = $1::bigint
       and r.seq > s.captured_seq and not s.own @> r.seq`,
    [head.id, runId, ids],
  );
  return new Set(result.rows.map(({ id }) => id));
}

/** Remembers the numbers that a write of the run has just used. */
export async function noteOwnSeqs(db: Queryable, head: Head, runId: string, used: number): Promise<void> {
  await db.query(
    `update merging_strategies
     set own = own + int8multirange(int8range($3::bigint, $3::bigint + $4::bigint, '(]'))
     where run_id = $1::text and head_id = $2::bigint`,
    [runId, head.id, head.seq, used],
  );
}
