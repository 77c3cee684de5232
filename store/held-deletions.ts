/** Deletions that were held back because they were too many: shown to the operator, and confirmed by one. */
import type { Queryable } from './db.ts';

export type HeldDeletions = { readonly syncId: string; readonly model: string; readonly count: number };

/** What is held for these syncs. */
export async function heldDeletions(db: Queryable, syncIds: readonly string[]): Promise<HeldDeletions[]> {
  const result = await db.query<HeldDeletions>(
    `select d.sync_id::text as "syncId", h.model, d.stale::float8 as count
     from held_deletions d join record_heads h on h.id = d.head_id
     where d.sync_id = any($1::bigint[])
     order by d.sync_id, h.model`,
    [syncIds],
  );
  return result.rows;
}

/** How many a confirmation for this comparison allows; undefined without one. */
export async function confirmedCount(
  db: Queryable,
  comparison: { readonly headId: string; readonly syncId: string },
): Promise<number | undefined> {
  const result = await db.query<{ confirmed: number | null }>(
    `select confirmed::float8 as confirmed from held_deletions where head_id = $1::bigint and sync_id = $2::bigint`,
    [comparison.headId, comparison.syncId],
  );
  return result.rows[0]?.confirmed ?? undefined;
}

/** Confirms held deletions for the sync's next run. False when that number is not what is held. */
export async function confirmDeletions(
  db: Queryable,
  held: { readonly syncId: string; readonly model: string; readonly count: number },
): Promise<boolean> {
  const result = await db.query(
    `update held_deletions d set confirmed = d.stale
     from record_heads h
     where h.id = d.head_id and d.sync_id = $1::bigint and h.model = $2::text and d.stale = $3::bigint`,
    [held.syncId, held.model, held.count],
  );
  return result.rowCount === 1;
}

/** Deletions that these runs held back, by run and model. */
export async function heldByRuns(
  db: Queryable,
  runIds: readonly string[],
): Promise<Map<string, Record<string, number>>> {
  const result = await db.query<{ runId: string; model: string; stale: number }>(
    `select d.run_id as "runId", h.model, d.stale::float8 as stale
     from run_deletions d join record_heads h on h.id = d.head_id
     where d.run_id = any($1::text[]) and d.held
     order by d.run_id, h.model`,
    [runIds],
  );
  const held = new Map<string, Record<string, number>>();
  for (const { runId, model, stale } of result.rows) held.set(runId, { ...held.get(runId), [model]: stale });
  return held;
}
