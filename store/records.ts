/**
 * Writing records, exactly and in commit order. Each function belongs into a transaction: it locks the head of its
 * (connection, model, variant) first, which also checks the fence of the run, and numbers what it changes. Known rows
 * are told from new ones by their ids, and unchanged ones by a digest of their text, so that a payload is sent and parsed
 * once, and only where it may be new.
 */
import { hash } from 'node:crypto';
import type { RecordCounts } from '../contract/host.ts';
import { onlyRow, type Queryable } from './db.ts';
import { claimRecords, openHead } from './record-claims.ts';
import { hashOf, type Row } from './record-content.ts';
import { countChanges, type Head, type Writer } from './record-heads.ts';
import { noteOwnSeqs, protectedIds } from './merging-strategies.ts';
import { insertSealed, mergeSealed, replaceSealed } from './sealed-records.ts';

export type RecordWrite = Writer & { readonly ids: readonly string[] };

/**
 * Upserts records by id; equal content (key order aside) changes nothing. The last of equal ids wins.
 * @param rows the JSON text of each record, without line breaks, in the order of `ids`; Postgres alone parses it.
 * @throws EngineError `lease_lost` when another attempt holds the run.
 */
export async function saveRecords(db: Queryable, write: RecordWrite, rows: readonly string[]): Promise<RecordCounts> {
  const head = await openHead(db, write);
  const all = lastOfEach(write.ids, rows);
  const batch = await withoutProtected(db, head, write, all);
  const known = await knownDigests(db, head, [...batch.keys()]);
  const { seal } = write;
  const seals = seal?.seals === true;
  const fresh: Row[] = [];
  const old: Row[] = [];
  let meetsSealed = seals;
  for (const [id, text] of batch) {
    const row = { id, text, digest: asUuid(seals ? seal.digest(text) : hash('sha256', text, 'hex')) };
    const there = known.get(id);
    if (there === undefined) fresh.push(row);
    else if (there.digest !== row.digest) {
      old.push(row);
      meetsSealed ||= there.isSealed;
    }
  }
  const added = await (seals ? insertSealed(db, head, fresh, seal) : insertRows(db, head, fresh));
  const changed = await (meetsSealed
    ? replaceSealed(db, head, old, fresh.length, seal)
    : replaceRows(db, head, old, fresh.length));
  const counts = { added: added + changed.added, updated: changed.updated, deleted: 0 };
  return settle(db, head, { ...write, ids: [...all.keys()] }, fresh.length + old.length, counts);
}

/**
 * Merges each row into the record that is stored: objects by key at any depth, everything else is replaced. Unknown,
 * deleted and pruned records are left out. `rows` as for `saveRecords`.
 */
export async function updateRecords(db: Queryable, write: RecordWrite, rows: readonly string[]): Promise<RecordCounts> {
  const head = await openHead(db, write);
  const batch = await withoutProtected(db, head, write, lastOfEach(write.ids, rows));
  const { seal } = write;
  const known = await knownIds(db, head, [...batch.keys()], 'whole');
  const old = [...batch].filter(([id]) => known.has(id)).map(([id, text]) => ({ id, text, digest: '' }));
  const meetsSealed = seal?.seals === true || [...known.values()].some((isSealed) => isSealed);
  const updated = await (meetsSealed ? mergeSealed(db, head, old, seal) : mergeRows(db, head, old));
  return settle(db, head, { ...write, ids: old.map(({ id }) => id) }, old.length, { added: 0, updated, deleted: 0 });
}

/** Marks live records as deleted; absent and already deleted ids change and count nothing. The payload stays readable. */
export async function deleteRecords(db: Queryable, write: RecordWrite): Promise<RecordCounts> {
  const head = await openHead(db, write);
  const batch = await withoutProtected(db, head, write, new Map(write.ids.map((id) => [id, ''])));
  const live = [...(await knownIds(db, head, [...batch.keys()], 'live')).keys()].toSorted();
  const deleted = await markDeleted(db, head, live);
  return settle(db, head, { ...write, ids: [] }, live.length, { added: 0, updated: 0, deleted });
}

/** Deletes live records of a locked head by id, numbered from the head's counter on; answers how many it were. */
export async function markDeleted(db: Queryable, head: Head, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const result = await db.query({
    name: 'delete-records',
    text: `update records r
      set seq = $2::bigint + i.n, last_action = 'DELETED', last_modified_at = $3::timestamptz,
          deleted_at = $3::timestamptz
      from unnest($4::text[]) with ordinality as i (id, n)
      where r.head_id = $1::bigint and r.id = any($4::text[]) and r.id = i.id and r.deleted_at is null`,
    values: [head.id, head.seq, head.at, ids],
  });
  return result.rowCount ?? 0;
}

type Batch = ReadonlyMap<string, string>;

async function settle(
  db: Queryable,
  head: Head,
  write: RecordWrite,
  used: number,
  counts: RecordCounts,
): Promise<RecordCounts> {
  const hasChanged = counts.added + counts.updated + counts.deleted > 0;
  if (hasChanged && head.keepsNewer) await noteOwnSeqs(db, head, write.runId, used);
  await claimRecords(db, head, write, write.ids);
  await countChanges(db, head, write, { ...counts, used: hasChanged ? used : 0 });
  return counts;
}

async function withoutProtected(db: Queryable, head: Head, write: Writer, batch: Batch): Promise<Batch> {
  if (!head.keepsNewer) return batch;
  const kept = await protectedIds(db, head, write.runId, [...batch.keys()]);
  return new Map([...batch].filter(([id]) => !kept.has(id)));
}

/** The first 32 digits of a digest in the form of Postgres's 16-byte type. */
function asUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

const KNOWN = {
  live: 'and deleted_at is null',
  whole: 'and deleted_at is null and pruned_at is null',
} as const;

/** Ids that are stored, and whether sealed. `= any` keeps to the primary key whatever the planner believes of a table that grows fast. */
async function knownIds(
  db: Queryable,
  head: Head,
  ids: readonly string[],
  which: keyof typeof KNOWN,
): Promise<ReadonlyMap<string, boolean>> {
  if (ids.length === 0) return new Map();
  const result = await db.query<[string, boolean]>({
    name: `known-records-${which}`,
    rowMode: 'array',
    text: `select id, sealed is not null from records where head_id = $1::bigint and id = any($2::text[]) ${KNOWN[which]}`,
    values: [head.id, ids],
  });
  return new Map(result.rows);
}

/** The stored ids among these with the digest of their text; null for those that must be looked at in any case. */
async function knownDigests(
  db: Queryable,
  head: Head,
  ids: readonly string[],
): Promise<ReadonlyMap<string, { readonly digest: string | null; readonly isSealed: boolean }>> {
  if (ids.length === 0) return new Map();
  const result = await db.query<[string, string | null, boolean]>({
    name: 'known-digests',
    rowMode: 'array',
    text: `select id, case when deleted_at is null then text_digest end, sealed is not null
      from records where head_id = $1::bigint and id = any($2::text[])`,
    values: [head.id, ids],
  });
  return new Map(result.rows.map(([id, digest, isSealed]) => [id, { digest, isSealed }]));
}

/** Ids as a JSON list beside one row a line: neither parameter is parsed twice. */
const INPUT = `(
    select x.id, x.n, x.line::jsonb as payload, x.digest
    from rows from (jsonb_array_elements_text($4::jsonb), string_to_table($5::text, E'\\n'),
      string_to_table($6::text, E'\\n')) with ordinality as x (id, line, digest, n)
  )`;

function inputValues(head: Head, rows: readonly Row[], usedBefore: number): unknown[] {
  const from = (BigInt(head.seq) + BigInt(usedBefore)).toString();
  const ids = JSON.stringify(rows.map(({ id }) => id));
  const lines = rows.map(({ text }) => text).join('\n');
  return [head.id, from, head.at, ids, lines, rows.map(({ digest }) => digest).join('\n')];
}

async function insertRows(db: Queryable, head: Head, rows: readonly Row[]): Promise<number> {
  if (rows.length === 0) return 0;
  const result = await db.query({
    name: 'insert-records',
    text: `insert into records (head_id, seq, first_seen_at, last_modified_at, id, last_action, payload,
        text_digest)
      select $1::bigint, $2::bigint + i.n, $3::timestamptz, $3::timestamptz, i.id, 'ADDED', i.payload, i.digest::uuid
      from ${INPUT} i`,
    values: inputValues(head, rows, 0),
  });
  return result.rowCount ?? 0;
}

async function replaceRows(
  db: Queryable,
  head: Head,
  rows: readonly Row[],
  usedBefore: number,
): Promise<{ readonly added: number; readonly updated: number }> {
  if (rows.length === 0) return { added: 0, updated: 0 };
  const result = await db.query<{ added: number; updated: number }>(
    `with input as materialized (select i.id, i.n, i.payload, i.digest::uuid as digest from ${INPUT} i), written as (
       update records r
       set seq = $2::bigint + i.n,
           last_modified_at = $3::timestamptz,
           last_action = case when r.deleted_at is null then 'UPDATED' else 'ADDED' end,
           deleted_at = null,
           payload = i.payload,
           text_digest = i.digest,
           pruned_at = null,
           pruned_hash = null
       from input i
       where r.head_id = $1::bigint and r.id = any(array(select jsonb_array_elements_text($4::jsonb))) and r.id = i.id
         and (r.deleted_at is not null or ${HAS_CHANGED})
       returning r.last_action
     ), reworded as (
       -- The same content in another text: next time its text will do.
       update records r
       set text_digest = i.digest
       from input i
       where r.head_id = $1::bigint and r.id = any(array(select jsonb_array_elements_text($4::jsonb))) and r.id = i.id
         and r.deleted_at is null and not ${HAS_CHANGED}
     )
     select count(*) filter (where last_action = 'ADDED')::int as added,
       count(*) filter (where last_action = 'UPDATED')::int as updated
     from written`,
    inputValues(head, rows, usedBefore),
  );
  return onlyRow(result, 'replaceRows');
}

async function mergeRows(db: Queryable, head: Head, rows: readonly Row[]): Promise<number> {
  if (rows.length === 0) return 0;
  const result = await db.query(
    `with merged as materialized (
       select r.id, i.n, merge_json(r.payload, i.payload) as payload
       from ${INPUT} i, records r
       where r.head_id = $1::bigint and r.id = any(array(select jsonb_array_elements_text($4::jsonb))) and r.id = i.id
     )
     update records r
     set seq = $2::bigint + m.n, last_modified_at = $3::timestamptz, last_action = 'UPDATED', payload = m.payload,
         text_digest = null
     from merged m
     where r.head_id = $1::bigint and r.id = any(array(select jsonb_array_elements_text($4::jsonb))) and r.id = m.id
       and r.payload <> m.payload`,
    inputValues(head, rows, 0),
  );
  return result.rowCount ?? 0;
}

const HAS_CHANGED = `case when r.pruned_at is null then r.payload <> i.payload
           else r.pruned_hash is distinct from ${hashOf('i.payload')} end`;

/** Each id once, with its last row and at its last place. */
function lastOfEach(ids: readonly string[], rows: readonly string[]): Batch {
  const batch = new Map<string, string>();
  for (const [at, id] of ids.entries()) {
    batch.delete(id);
    batch.set(id, rows[at] ?? '');
  }
  return batch;
}
