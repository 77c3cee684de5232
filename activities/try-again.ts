/** A failed action that was called with retries left begins again by itself. */
import type { FailureCode } from '../contract/failures.ts';
import { addLogLines } from '../store/run-logs.ts';
import { type Attempt, type StoredFailure, suspendRun, takeRetry } from '../store/runs.ts';
import type { Queryable } from '../store/db.ts';
import { firstLine } from './host/run-log.ts';

/** A second try of these could repeat what has happened already, or would end the same way by our own doing. */
const FINAL: ReadonlySet<FailureCode> = new Set(['call_in_doubt', 'script_diverged', 'script_aborted']);

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

export function mayBeTriedAgain(run: Pick<Attempt, 'retries'>, failure: StoredFailure): boolean {
  return run.retries > 0 && !FINAL.has(failure.code);
}

/** One second, then twice as long each time, up to a minute. */
function waitBeforeRetry(generation: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(generation, 10));
}

/**
 * Lets the run wait and then begin from its first line with an empty journal; `renew` begins the new generation. What
 * the failed try has saved stays saved. Belongs in the transaction that keeps what the try has done.
 */
export async function beginAgainLater(
  db: Queryable,
  run: Attempt,
  failure: StoredFailure,
  options: { readonly at: Date; readonly renew: (db: Queryable) => Promise<void> },
): Promise<{ readonly resumeAt: Date; readonly reason: string }> {
  const resumeAt = new Date(options.at.getTime() + waitBeforeRetry(run.generation));
  const reason = `it failed (${failure.message.slice(0, 200)}) and begins again; ${run.retries - 1} more tries after that`;
  await options.renew(db);
  await takeRetry(db, run);
  await suspendRun(db, { runId: run.runId, fence: run.fence, at: options.at, resumeAt, reason });
  const seq = firstLine(run.generation + 1);
  await addLogLines(db, run.runId, [
    {
      seq,
      at: options.at,
      level: 'warn',
      message: `The ${run.kind === 'webhook' ? 'handling of the webhook' : 'action'} failed: ${failure.message}. It begins again at ${resumeAt.toISOString()}`,
    },
  ]);
  return { resumeAt, reason };
}
