import type { Queryable } from './db.ts';

/**
 * Ends an attempt well that has stored nothing yet and has nothing to store but its output: the one flush it makes, in
 * one statement. True also when it was done before, though its answer was lost; false when the attempt has lost its place.
 */
export async function endAtOnce(
  db: Queryable,
  end: {
    readonly runId: string;
    readonly fence: number;
    readonly requests: number;
    readonly runningMs: number;
    readonly output: string | null;
    /** As `sealCalls` made them. */
    readonly calls: string | null;
    readonly at: Date;
  },
): Promise<boolean> {
  const ended = await db.query({
    name: 'end-at-once',
    text: `update runs
           set flushed = 1, requests = requests + $3::int, running_ms = running_ms + $4::bigint, state = 'success',
               error = null, output = $5::text, calls = $7::text, finished_at = $6::timestamptz, resume_at = null, wait_reason = null
           where id = $1::text and fence = $2::int and flushed = 0 and state = 'running'`,
    values: [end.runId, end.fence, end.requests, end.runningMs, end.output, end.at, end.calls],
  });
  if (ended.rowCount === 1) return true;
  const found = await db.query(
    `select from runs where id = $1::text and fence = $2::int and flushed = 1 and state = 'success'`,
    [end.runId, end.fence],
  );
  return found.rowCount === 1;
}
