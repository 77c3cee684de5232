import type { LogLevel } from '../contract/host.ts';
import type { Queryable } from './db.ts';

export type LogLine = { readonly seq: number; readonly at: Date; readonly level: LogLevel; readonly message: string };

/** Appends lines to a run's log. A line whose number is there already is left alone, so a retry repeats nothing. */
export async function addLogLines(db: Queryable, runId: string, lines: readonly LogLine[]): Promise<void> {
  if (lines.length === 0) return;
  await db.query(
    `insert into run_logs (run_id, seq, at, level, message)
     select $1::text, x.seq, x.at, x.level, x.message
     from jsonb_to_recordset($2::jsonb) as x (seq bigint, at timestamptz, level text, message text)
     on conflict (run_id, seq) do nothing`,
    [runId, JSON.stringify(lines)],
  );
}

/** The lines of a run after `afterSeq`, in order. */
export async function logLines(
  db: Queryable,
  page: { runId: string; afterSeq: number; limit: number },
): Promise<LogLine[]> {
  const result = await db.query<LogLine>(
    `select seq::float8 as seq, at, level, message from run_logs
     where run_id = $1::text and seq > $2::bigint
     order by run_logs.seq
     limit $3::int`,
    [page.runId, page.afterSeq, page.limit],
  );
  return result.rows;
}
