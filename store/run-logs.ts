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

export type LinePage = {
  /** Lines after this number, which is that of a line, or 0. */
  readonly afterSeq: number;
  readonly limit: number;
  /** Null: every level. */
  readonly levels?: readonly LogLevel[] | null;
  /** What a line must hold, in any case. */
  readonly text?: string | null;
};

/** The lines of a run after `afterSeq`, in order. */
export async function logLines(db: Queryable, page: LinePage & { readonly runId: string }): Promise<LogLine[]> {
  const result = await db.query<LogLine>(
    `select seq::float8 as seq, at, level, message from run_logs
     where run_id = $1::text and seq > $2::bigint
       and ($4::text[] is null or level = any($4::text[]))
       and ($5::text is null or strpos(lower(message), lower($5::text)) > 0)
     order by run_logs.seq
     limit $3::int`,
    [page.runId, page.afterSeq, page.limit, page.levels ?? null, page.text ?? null],
  );
  return result.rows;
}

/** Removes at most `limit` lines that were written before that time, whatever became of their runs; answers how many. */
export async function removeLogLines(db: Queryable, before: Date, limit: number): Promise<number> {
  const result = await db.query(
    `delete from run_logs
     where ctid = any(array(select ctid from run_logs where at < $1::timestamptz limit $2::int))`,
    [before, limit],
  );
  return result.rowCount ?? 0;
}
