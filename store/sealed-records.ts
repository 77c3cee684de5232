/**
 * Writing records where payloads are sealed, or were: Postgres cannot look into them, so what is stored is opened here
 * and handed to it beside what is new. It alone compares and merges, as it does for plain ones (see records.ts).
 */
import type { Queryable } from './db.ts';
import { hashOf, type Row } from './record-content.ts';
import type { Head } from './record-heads.ts';
import { openNothing, type RecordSeal } from './record-seal.ts';

type Changes = { readonly added: number; readonly updated: number };

/** Inserts rows that are new. */
export async function insertSealed(
  db: Queryable,
  head: Head,
  rows: readonly Row[],
  seal: RecordSeal | undefined,
): Promise<number> {
  if (rows.length === 0) return 0;
  const result = await db.query(
    `insert into records (head_id, seq, first_seen_at, last_modified_at, id, last_action, payload, sealed, text_digest)
     select $1::bigint, $2::bigint + i.n, $3::timestamptz, $3::timestamptz, i.id, 'ADDED', i.payload, i.sealed, i.digest
     from ${INPUT} i`,
    inputValues(head, rows, 0, seal),
  );
  return result.rowCount ?? 0;
}

/** Replaces known rows whose content is another one, or that were deleted. */
export async function replaceSealed(
  db: Queryable,
  head: Head,
  rows: readonly Row[],
  usedBefore: number,
  seal: RecordSeal | undefined,
): Promise<Changes> {
  if (rows.length === 0) return { added: 0, updated: 0 };
  const ids = rows.map(({ id }) => id);
  const old = await storedTexts(db, head, ids, seal);
  const compared = await db.query<{ id: string }>(
    `select i.id
     from rows from (unnest($2::text[]), string_to_table($3::text, E'\\n'), string_to_table($4::text, E'\\n'))
         as i (id, line, old)
       join records r on r.head_id = $1::bigint and r.id = any($2::text[]) and r.id = i.id
     where r.deleted_at is not null
       or case when r.pruned_at is null then i.old::jsonb <> i.line::jsonb
          else r.pruned_hash is distinct from ${hashOf('(i.line::jsonb)')} end`,
    [head.id, ids, linesOf(rows), ids.map((id) => old.get(id) ?? 'null').join('\n')],
  );
  const changed = new Set(compared.rows.map(({ id }) => id));
  await noteDigests(
    db,
    head,
    rows.filter(({ id }) => !changed.has(id)),
  );
  return writeRows(
    db,
    head,
    rows.filter(({ id }) => changed.has(id)),
    usedBefore,
    seal,
  );
}

/** Merges parts into live rows; answers how many that changed. */
export async function mergeSealed(
  db: Queryable,
  head: Head,
  rows: readonly Row[],
  seal: RecordSeal | undefined,
): Promise<number> {
  if (rows.length === 0) return 0;
  const ids = rows.map(({ id }) => id);
  const old = await storedTexts(db, head, ids, seal);
  const merged = await db.query<{ id: string; text: string }>(
    `select i.id, m.payload::text as text
     from rows from (unnest($1::text[]), string_to_table($2::text, E'\\n'), string_to_table($3::text, E'\\n'))
         as i (id, line, old)
       cross join lateral (select merge_json(i.old::jsonb, i.line::jsonb) as payload) m
     where m.payload <> i.old::jsonb`,
    [ids, linesOf(rows), ids.map((id) => old.get(id) ?? 'null').join('\n')],
  );
  const { updated } = await writeRows(
    db,
    head,
    merged.rows.map((row) => ({ ...row, digest: null })),
    0,
    seal,
  );
  return updated;
}

/** The JSON text of stored payloads by id, opened; what was pruned has none to speak of. */
async function storedTexts(
  db: Queryable,
  head: Head,
  ids: readonly string[],
  seal: RecordSeal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const found = await db.query<{ id: string; payload: string; sealed: Buffer | null }>(
    `select id, payload::text, sealed from records where head_id = $1::bigint and id = any($2::text[])`,
    [head.id, ids],
  );
  const open = seal?.open ?? openNothing;
  return new Map(
    found.rows.map(({ id, payload, sealed }) => [
      id,
      sealed === null ? payload : open({ headId: head.id, id }, sealed),
    ]),
  );
}

async function writeRows(
  db: Queryable,
  head: Head,
  rows: readonly Row[],
  usedBefore: number,
  seal: RecordSeal | undefined,
): Promise<Changes> {
  if (rows.length === 0) return { added: 0, updated: 0 };
  const result = await db.query<{ action: string }>(
    `update records r
     set seq = $2::bigint + i.n, last_modified_at = $3::timestamptz, deleted_at = null,
         last_action = case when r.deleted_at is null then 'UPDATED' else 'ADDED' end,
         payload = i.payload, sealed = i.sealed, text_digest = i.digest, pruned_at = null, pruned_hash = null
     from ${INPUT} i
     where r.head_id = $1::bigint and r.id = any($4::text[]) and r.id = i.id
     returning r.last_action as action`,
    inputValues(head, rows, usedBefore, seal),
  );
  const added = result.rows.filter(({ action }) => action === 'ADDED').length;
  return { added, updated: result.rows.length - added };
}

/** The same content in another text, or under another key: next time its text will do. */
async function noteDigests(db: Queryable, head: Head, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  await db.query(
    `update records r set text_digest = i.digest
     from unnest($2::text[], $3::uuid[]) as i (id, digest)
     where r.head_id = $1::bigint and r.id = any($2::text[]) and r.id = i.id`,
    [head.id, rows.map(({ id }) => id), rows.map(({ digest }) => digest)],
  );
}

const INPUT = `(
    select x.id, x.n, x.line::jsonb as payload, x.sealed, x.digest
    from rows from (unnest($4::text[]), string_to_table($5::text, E'\\n'), unnest($6::bytea[]), unnest($7::uuid[]))
      with ordinality as x (id, line, sealed, digest, n)
  )`;

function inputValues(head: Head, rows: readonly Row[], usedBefore: number, seal: RecordSeal | undefined): unknown[] {
  const from = (BigInt(head.seq) + BigInt(usedBefore)).toString();
  const ids = rows.map(({ id }) => id);
  const seals = seal?.seals === true;
  const lines = seals ? ids.map((id) => JSON.stringify({ id })).join('\n') : linesOf(rows);
  const sealed = rows.map(({ id, text }) => (seals ? seal.seal({ headId: head.id, id }, text) : null));
  return [head.id, from, head.at, ids, lines, sealed, rows.map(({ digest }) => digest)];
}

function linesOf(rows: readonly Row[]): string {
  return rows.map(({ text }) => text).join('\n');
}
