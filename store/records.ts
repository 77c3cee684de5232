/**
 * Records: exact and in commit order. Every changed row gets the next number of its (connection, model, variant) under
 * that head's row lock, so the order of numbers is the order of commits and a cursor reader cannot skip a row. Each
 * write checks the fence of its run in its own statement: an attempt that lost its place writes nothing.
 */
import { EngineError } from '../contract/failures.ts';
import type { RecordCounts } from '../contract/host.ts';
import { onlyRow, type Queryable } from './db.ts';

export type RecordScope = { readonly connectionRow: string; readonly model: string; readonly variant: string };

export type RecordWrite = RecordScope & {
  readonly runId: string;
  readonly fence: number;
  readonly syncId: string | null;
  readonly ids: readonly string[];
  readonly at: Date;
};

const FENCED = `fenced as (
    select id from runs where id = $4::text and fence = $5::int and state = 'running' for share
  )`;
const HEAD = `head as (
    insert into record_heads as h (connection_id, model, variant, seq, last_modified_at)
    select $1::bigint, $2::text, $3::text, (select count(*) from input), $6::timestamptz from fenced
    on conflict (connection_id, model, variant) do update
      set seq = h.seq + excluded.seq,
          last_modified_at = greatest(h.last_modified_at + interval '1 microsecond', excluded.last_modified_at)
    returning seq, last_modified_at
  )`;
const TALLY = `tally as (
    select count(*) filter (where last_action = 'ADDED')::int as added,
      count(*) filter (where last_action = 'UPDATED')::int as updated,
      count(*) filter (where last_action = 'DELETED')::int as deleted
    from written
  ), live as (
    insert into record_counts as n (connection_id, model, variant, live)
    select $1::bigint, $2::text, $3::text, t.added - t.deleted from tally t where t.added <> t.deleted
    on conflict (connection_id, model, variant) do update set live = n.live + excluded.live
  ), counted as (
    insert into run_counts as n (run_id, model, added, updated, deleted)
    select f.id, $2::text, t.added, t.updated, t.deleted from tally t, fenced f
    on conflict (run_id, model) do update
      set added = n.added + excluded.added, updated = n.updated + excluded.updated, deleted = n.deleted + excluded.deleted
  )
  select t.added, t.updated, t.deleted, exists (select from fenced) as held from tally t`;

/**
 * Upserts rows by id; equal content (key order aside) changes nothing. The last of equal ids wins.
 * @param rows JSON array of objects as text, in the order of `ids`; it is parsed by Postgres alone.
 * @throws EngineError `lease_lost` when another attempt holds the run.
 */
export async function saveRecords(db: Queryable, write: RecordWrite, rows: string): Promise<RecordCounts> {
  const result = await db.query<RecordCounts & { held: boolean }>({
    name: 'save-records',
    text: `with ${FENCED}, input as (
        select distinct on (x.id) x.id, x.n, x.payload, sha256(convert_to(x.payload::text, 'UTF8')) as hash
        from rows from (jsonb_array_elements_text($7::jsonb), jsonb_array_elements($8::jsonb))
          with ordinality as x (id, payload, n)
        order by x.id, x.n desc
      ), ${HEAD}, written as (
        insert into records as r (connection_id, model, variant, id, seq, payload, hash, last_action, first_seen_at,
          last_modified_at)
        select $1::bigint, $2::text, $3::text, i.id, h.seq - (row_number() over (order by i.n desc)) + 1, i.payload,
          i.hash, 'ADDED', h.last_modified_at, h.last_modified_at
        from input i cross join head h
        on conflict (connection_id, model, variant, id) do update
          set payload = excluded.payload,
              hash = excluded.hash,
              seq = excluded.seq,
              last_action = case when r.deleted_at is null then 'UPDATED' else 'ADDED' end,
              last_modified_at = excluded.last_modified_at,
              deleted_at = null,
              pruned_at = null
          where r.hash <> excluded.hash or r.deleted_at is not null
        returning r.last_action
      ), ${TALLY}`,
    values: [
      write.connectionRow,
      write.model,
      write.variant,
      write.runId,
      write.fence,
      write.at,
      JSON.stringify(write.ids),
      rows,
    ],
  });
  return countsOf(onlyRow(result, 'saveRecords'));
}

/** Marks live rows as deleted; absent and already deleted ids change and count nothing. The payload stays readable. */
export async function deleteRecords(db: Queryable, write: RecordWrite): Promise<RecordCounts> {
  const result = await db.query<RecordCounts & { held: boolean }>({
    name: 'delete-records',
    text: `with ${FENCED}, input as (
        select distinct x.id from jsonb_array_elements_text($7::jsonb) as x (id)
      ), ${HEAD}, written as (
        update records r
        set seq = h.seq - i.n + 1,
            last_action = 'DELETED',
            last_modified_at = h.last_modified_at,
            deleted_at = h.last_modified_at
        from head h, (select id, row_number() over (order by id desc) as n from input) i
        where r.connection_id = $1::bigint and r.model = $2::text and r.variant = $3::text and r.id = i.id
          and r.deleted_at is null
        returning r.last_action
      ), ${TALLY}`,
    values: [
      write.connectionRow,
      write.model,
      write.variant,
      write.runId,
      write.fence,
      write.at,
      JSON.stringify(write.ids),
    ],
  });
  return countsOf(onlyRow(result, 'deleteRecords'));
}

function countsOf({ held, ...counts }: RecordCounts & { held: boolean }): RecordCounts {
  if (!held) throw new EngineError('lease_lost', 'Another attempt of this run has taken over; this one writes no more');
  return counts;
}

export type RecordPage = RecordScope & {
  readonly afterSeq: string;
  readonly modifiedAfter: string | null;
  readonly actions: readonly ('ADDED' | 'UPDATED' | 'DELETED')[] | null;
  readonly ids: readonly string[] | null;
  readonly limit: number;
};

export type RecordRow = {
  readonly seq: string;
  /** The payload's JSON text, never parsed on its way out. */
  readonly payload: string;
  readonly lastAction: 'ADDED' | 'UPDATED' | 'DELETED';
  readonly firstSeenAt: string;
  readonly lastModifiedAt: string;
  readonly deletedAt: string | null;
  readonly prunedAt: string | null;
};

const MICROSECONDS = `'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'`;

/** A page in commit order; times are ISO texts with microseconds and `+00:00`. */
export async function pageOfRecords(db: Queryable, page: RecordPage): Promise<RecordRow[]> {
  const result = await db.query<RecordRow>({
    name: 'page-of-records',
    // Sorted by the column itself: plain `order by seq` would mean the text of the select list, where 10 is before 9.
    text: `select r.seq::text, payload::text, last_action as "lastAction",
        to_char(first_seen_at, ${MICROSECONDS}) as "firstSeenAt",
        to_char(last_modified_at, ${MICROSECONDS}) as "lastModifiedAt",
        to_char(deleted_at, ${MICROSECONDS}) as "deletedAt",
        to_char(pruned_at, ${MICROSECONDS}) as "prunedAt"
      from records r
      where connection_id = $1::bigint and model = $2::text and variant = $3::text
        and seq > $4::bigint
        and ($5::timestamptz is null or last_modified_at > $5::timestamptz)
        and ($6::text[] is null or last_action = any($6::text[]))
        and ($7::text[] is null or id = any($7::text[]))
      order by r.seq
      limit $8::int`,
    values: [
      page.connectionRow,
      page.model,
      page.variant,
      page.afterSeq,
      page.modifiedAfter,
      page.actions,
      page.ids,
      page.limit,
    ],
  });
  return result.rows;
}

export type LiveCount = {
  readonly connectionRow: string;
  readonly model: string;
  readonly variant: string;
  readonly live: number;
};

/** Live rows of each model and variant of these connections. */
export async function recordCounts(db: Queryable, connectionRows: readonly string[]): Promise<LiveCount[]> {
  const result = await db.query<LiveCount>(
    `select connection_id::text as "connectionRow", model, variant, live::float8 as live
     from record_counts
     where connection_id = any($1::bigint[])
     order by connection_id, model, variant`,
    [connectionRows],
  );
  return result.rows;
}

/** Whether any row of the model was ever saved for the connection. */
export async function hasModel(db: Queryable, scope: RecordScope): Promise<boolean> {
  const result = await db.query(
    `select from record_heads where connection_id = $1::bigint and model = $2::text and variant = $3::text`,
    [scope.connectionRow, scope.model, scope.variant],
  );
  return result.rows.length === 1;
}
