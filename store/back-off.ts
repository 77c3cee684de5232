/** Syncs whose runs fail again and again. */
import type { Queryable } from './db.ts';

/** Counts one more failure; answers how many there were in a row, and how often the sync runs. Joins the end of the run. */
export async function countFailure(
  db: Queryable,
  syncId: string,
): Promise<{ readonly failures: number; readonly intervalMs: number } | undefined> {
  const result = await db.query<{ failures: number; intervalMs: number }>(
    `update syncs y
     set failures = y.failures + 1
     from scripts s
     where y.id = $1::bigint and s.id = y.script_id
     returning y.failures, coalesce(y.interval_ms, s.interval_ms)::float8 as "intervalMs"`,
    [syncId],
  );
  return result.rows[0];
}

/** Until then the schedule starts no run of the sync; null: it starts all. */
export async function setBackOff(db: Queryable, syncId: string, until: Date | null): Promise<void> {
  await db.query(`update syncs set backs_off_until = $2::timestamptz where id = $1::bigint`, [syncId, until]);
}

/** Lets syncs run as often as ever: they have succeeded, or something about them has changed. */
export async function forgetFailures(
  db: Queryable,
  of:
    | { readonly syncIds: readonly string[] }
    | { readonly scriptIds: readonly string[] }
    | { readonly connectionRows: readonly string[] },
): Promise<void> {
  const [column, ids] = columnOf(of);
  await db.query(
    `update syncs set failures = 0, backs_off_until = null where ${column} = any($1::bigint[]) and failures > 0`,
    [ids],
  );
}

function columnOf(of: Parameters<typeof forgetFailures>[1]) {
  if ('syncIds' in of) return ['id', of.syncIds] as const;
  if ('scriptIds' in of) return ['script_id', of.scriptIds] as const;
  return ['connection_id', of.connectionRows] as const;
}
