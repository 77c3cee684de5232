/** A sync that fails again and again runs less often, until it succeeds: each further failure doubles its interval. */
import { countFailure, forgetFailures, setBackOff } from '../store/back-off.ts';
import type { Queryable } from '../store/db.ts';
import { addLogLines } from '../store/run-logs.ts';
import type { Attempt, RunEnd } from '../store/runs.ts';
import type { Dependencies } from './dependencies.ts';
import { firstLine } from './host/run-log.ts';

const LONGEST_MS = 86_400_000;

/**
 * How long the sync waits between two runs after this many failures in a row; undefined: as long as ever. `after` is the
 * number with which it begins, 0 for never. Pure.
 */
export function backOffMs(intervalMs: number, failures: number, after: number): number | undefined {
  if (after === 0 || failures < after || intervalMs >= LONGEST_MS) return undefined;
  return Math.min(LONGEST_MS, intervalMs * 2 ** Math.min(failures - after + 1, 30));
}

/**
 * Counts how the run ended, in the transaction that ends it. A cancelled run says nothing of the sync. The log of the run
 * with which it begins says so, and `sync.backs_off` is logged once.
 */
export async function noteOutcome(
  db: Queryable,
  { limits, log }: Pick<Dependencies, 'limits' | 'log'>,
  run: Attempt,
  { state, at }: Pick<RunEnd, 'state' | 'at'>,
): Promise<void> {
  if (run.syncId === null) return;
  if (state === 'success') await forgetFailures(db, { syncIds: [run.syncId] });
  const counted = state === 'failed' ? await countFailure(db, run.syncId) : undefined;
  if (counted === undefined) return;
  const { failures, intervalMs } = counted;
  const pauseMs = backOffMs(intervalMs, failures, limits.backOffAfter);
  // The schedule's tick at the end of the pause may come a little before or after the same time of this run's start.
  const until = pauseMs === undefined ? null : new Date(run.startedAt.getTime() + pauseMs - intervalMs / 2);
  await setBackOff(db, run.syncId, until);
  if (until === null || failures !== limits.backOffAfter) return;
  log('sync.backs_off', { sync: run.syncId, name: run.name, run: run.runId, failures, until: until.toISOString() });
  const message = `The sync failed ${failures} times in a row: from now on its schedule starts it less often, down to once a day, until a run succeeds. A trigger runs it at once.`;
  const seq = firstLine(run.generation + 1) - 1;
  await addLogLines(db, run.runId, [{ seq, at, level: 'warn', message }]);
}
