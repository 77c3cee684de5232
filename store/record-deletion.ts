/**
 * Deletion by comparison: a sync that fetches everything remembers what it sees, and what it has not seen since its
 * start is gone. Records that another sync still claims stay. Nothing here decides whether so much may be deleted.
 */
import { onlyRow, type Queryable } from './db.ts';
import { countChanges, type Head, headOf, lockHead, type Writer } from './record-heads.ts';
import { markDeleted } from './records.ts';

/** One comparison: what `syncId` has not seen since `generation`. */
export type Comparison = {
  readonly headId: string;
  readonly syncId: string;
  readonly generation: string;
  readonly isShared: boolean;
};

/**
 * Begins to remember what the sync sees, or goes on with it: the same run always does, another one with `resumes`, when
 * it takes up where an earlier one was interrupted and will not fetch again what that one saw.
 */
export async function startTracking(db: Queryable, writer: Writer, options: { resumes: boolean }): Promise<void> {
  const head = await lockHead(db, writer);
  const kept = await db.query(
    `update record_trackings set run_id = $3::text
     where head_id = $1::bigint and sync_id = $2::bigint and (run_id = $3::text or $4::boolean)`,
    [head.id, writer.syncId, writer.runId, options.resumes],
  );
  if (kept.rowCount === 1) return;
  await db.query(
    `with raised as (
       update record_heads set generation = generation + 1 where id = $1::bigint returning id, generation
     )
     insert into record_trackings (head_id, sync_id, generation, run_id)
     select id, $2::bigint, generation, $3::text from raised
     on conflict (head_id, sync_id) do update
       set generation = excluded.generation, run_id = excluded.run_id, deleting_from = null`,
    [head.id, writer.syncId, writer.runId],
  );
}

/** The comparison that a run's tracking of a model amounts to; undefined when it does not track it. */
export async function comparisonOf(db: Queryable, writer: Writer): Promise<Comparison | undefined> {
  const headId = await headOf(db, writer);
  if (headId === undefined || writer.syncId === null) return undefined;
  const result = await db.query<Comparison>(
    `select h.id::text as "headId", t.sync_id::text as "syncId", t.generation::text,
       -- What another sync wrote alone is not this one's to miss.
       h.is_shared or coalesce(h.writer_id <> t.sync_id, false) as "isShared"
     from record_trackings t join record_heads h on h.id = t.head_id
     where t.head_id = $1::bigint and t.sync_id = $2::bigint and t.run_id = $3::text`,
    [headId, writer.syncId, writer.runId],
  );
  return result.rows[0];
}

// $1: head, $2: sync, $3: generation. Alone on its records, a sync needs no claim to have lost one: all are its own.
const STALE_ALONE = `r.deleted_at is null and not exists (
    select from record_claims c where c.head_id = $1::bigint and c.id = r.id and c.seen >= $3::bigint and $2::bigint > 0)`;
const STALE_SHARED = `r.deleted_at is null and exists (
    select from record_claims c
    where c.head_id = $1::bigint and c.id = r.id and c.sync_id = $2::bigint and c.seen < $3::bigint
  ) and not exists (
    select from record_claims c join syncs y on y.id = c.sync_id
    where c.head_id = $1::bigint and c.id = r.id and c.sync_id <> $2::bigint)`;

function staleness({ isShared }: Comparison): string {
  return isShared ? STALE_SHARED : STALE_ALONE;
}

function comparisonValues({ headId, syncId, generation }: Comparison): string[] {
  return [headId, syncId, generation];
}

/** How many live records there are, and how many of them the comparison would delete. */
export async function countStale(
  db: Queryable,
  comparison: Comparison,
): Promise<{ readonly stale: number; readonly live: number }> {
  const result = await db.query<{ stale: number; live: number }>(
    `select (select count(*) from records r where r.head_id = $1::bigint and ${staleness(comparison)})::float8 as stale,
       (select live from record_heads where id = $1::bigint)::float8 as live`,
    comparisonValues(comparison),
  );
  return onlyRow(result, 'countStale');
}

export type Stale = { readonly ids: readonly string[]; readonly lastId: string | null };

/** Stale ids among the `scanned` ids after `afterId`; `lastId` is where to go on, null at the end. Locks nothing. */
export async function staleAfter(
  db: Queryable,
  comparison: Comparison,
  page: { readonly afterId: string; readonly scanned: number },
): Promise<Stale> {
  const result = await db.query<{ ids: string[]; lastId: string | null }>(
    `with page as materialized (
       select r.id, r.deleted_at from records r
       where r.head_id = $1::bigint and r.id > $4::text
       order by r.id
       limit $5::int
     )
     select array(select r.id from page r where ${staleness(comparison)} order by r.id) as ids,
       (select max(id) from page) as "lastId"`,
    [...comparisonValues(comparison), page.afterId, page.scanned],
  );
  return onlyRow(result, 'staleAfter');
}

/**
 * Deletes those of the ids that are stale still, under the head's lock: what was seen meanwhile stays. Belongs into a
 * transaction of its own, so that others wait for a moment only.
 */
export async function deleteStale(
  db: Queryable,
  writer: Writer,
  comparison: Comparison,
  ids: readonly string[],
): Promise<number> {
  const head = await lockHead(db, writer);
  const stale = await db.query<{ id: string }>(
    `select r.id from records r
     where r.head_id = $1::bigint and r.id = any($4::text[]) and ${staleness(comparison)}
     order by r.id`,
    [...comparisonValues(comparison), ids],
  );
  const deleted = await markDeleted(
    db,
    head,
    stale.rows.map(({ id }) => id),
  );
  await countChanges(db, head, writer, { added: 0, updated: 0, deleted, used: deleted });
  return deleted;
}

/** Removes the sync's claims on what it has not seen, a page of ids at a time; false when none is left. */
export async function dropStaleClaims(db: Queryable, comparison: Comparison, limit: number): Promise<boolean> {
  const result = await db.query(
    `delete from record_claims c
     using (
       select s.ctid, s.tableoid from record_claims s
       where s.head_id = $1::bigint and s.sync_id = $2::bigint and s.seen < $3::bigint
       limit $4::int
     ) gone
     where c.head_id = $1::bigint and c.ctid = gone.ctid and c.tableoid = gone.tableoid`,
    [...comparisonValues(comparison), limit],
  );
  return result.rowCount === limit;
}

/** What a run's comparison came to, decided once for each run. */
export type Decision = { readonly stale: number; readonly live: number; readonly held: boolean };

export async function decisionOf(db: Queryable, runId: string, headId: string): Promise<Decision | undefined> {
  const result = await db.query<Decision>(
    `select stale::float8 as stale, live::float8 as live, held from run_deletions
     where run_id = $1::text and head_id = $2::bigint`,
    [runId, headId],
  );
  return result.rows[0];
}

/** Keeps a decision, under the fence. Deletions that are held wait for a confirmation; any other one is used up. */
export async function keepDecision(
  db: Queryable,
  writer: Writer,
  comparison: Comparison,
  decision: Decision,
): Promise<void> {
  const head = await lockHead(db, writer);
  const { stale, live, held } = decision;
  await db.query(
    `insert into run_deletions (run_id, head_id, stale, live, held)
     values ($1::text, $2::bigint, $3::bigint, $4::bigint, $5::boolean)`,
    [writer.runId, head.id, stale, live, held],
  );
  await db.query(`delete from held_deletions where head_id = $1::bigint and sync_id = $2::bigint`, [
    head.id,
    comparison.syncId,
  ]);
  if (held) {
    await db.query(
      `insert into held_deletions (head_id, sync_id, stale, live, held_at)
       values ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::timestamptz)`,
      [head.id, comparison.syncId, stale, live, writer.at],
    );
  }
}

/** Notes that the script has asked for the deletions: they are made once the whole run has succeeded. */
export async function askForDeletions(db: Queryable, writer: Writer): Promise<void> {
  const head: Head = await lockHead(db, writer);
  await db.query(
    `update record_trackings set deleting_from = $3::bigint where head_id = $1::bigint and sync_id = $2::bigint`,
    [head.id, writer.syncId, head.seq],
  );
}

/** Models of a run whose deletions its script has asked for. */
export async function askedModels(db: Queryable, runId: string): Promise<string[]> {
  const result = await db.query<{ model: string }>(
    `select h.model from record_trackings t join record_heads h on h.id = t.head_id
     where t.run_id = $1::text and t.deleting_from is not null order by h.model`,
    [runId],
  );
  return result.rows.map(({ model }) => model);
}

/** Forgets what a successful run tracked; `keepsUnasked` when a later run goes on from its checkpoint. */
export async function endTrackings(db: Queryable, run: { runId: string; keepsUnasked: boolean }): Promise<void> {
  await db.query(
    `delete from record_trackings where run_id = $1::text and (deleting_from is not null or not $2::boolean)`,
    [run.runId, run.keepsUnasked],
  );
}
