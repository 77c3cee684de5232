import { removeOperations } from '../store/operations.ts';
import { removeLogLines } from '../store/run-logs.ts';
import { removeDeliveries, removeRuns } from '../store/run-retention.ts';
import type { Dependencies } from './dependencies.ts';

const AT_ONCE = 5_000;
/** Runs take their lines, counts and journals with them. */
const RUNS_AT_ONCE = 500;
/** Short transactions of one call, which has to end well within its time; the next call goes on. */
const STEPS_AT_ONCE = 50;
const DAY_MS = 86_400_000;

type Sweeping = Pick<Dependencies, 'db' | 'clock' | 'logDays' | 'runDays' | 'log'>;

/**
 * Removes operations and log lines past their time; runs and deliveries only where there is a time for them. Without it
 * they stay, and so do their operations, without lines.
 */
export function createSweepLogs(deps: Sweeping) {
  return async (): Promise<{ readonly nextAfterId: string | null }> => {
    let removed = 0;
    for (let step = 0; step < STEPS_AT_ONCE; step += 1) {
      const { count, isDone } = await sweepOnce(deps);
      removed += count;
      if (!isDone) continue;
      if (removed > 0) deps.log('logs.swept', { removed });
      return { nextAfterId: null };
    }
    return { nextAfterId: 'more' };
  };
}

async function sweepOnce({ db, clock, logDays, runDays }: Sweeping) {
  const now = clock();
  const past = (days: number) => new Date(now.getTime() - days * DAY_MS);
  const operations = await removeOperations(db, past(logDays), AT_ONCE);
  const lines = await removeLogLines(db, past(logDays), AT_ONCE);
  const before = past(runDays);
  const deliveries = runDays === 0 ? 0 : await removeDeliveries(db, { before, limit: AT_ONCE });
  const runs = runDays === 0 ? { looked: 0, removed: 0 } : await removeRuns(db, { before, now, limit: RUNS_AT_ONCE });
  const isDone = Math.max(operations, lines, deliveries) < AT_ONCE && runs.looked < RUNS_AT_ONCE;
  return { count: operations + lines + deliveries + runs.removed, isDone };
}
