import { removeOperations } from '../store/operations.ts';
import { removeLogLines } from '../store/run-logs.ts';
import type { Dependencies } from './dependencies.ts';

const AT_ONCE = 5_000;
/** Short transactions of one call, which has to end well within its time; the next call goes on. */
const STEPS_AT_ONCE = 50;
const DAY_MS = 86_400_000;

/** Removes operations and log lines past their time. Runs and deliveries stay, and so do their operations, without lines. */
export function createSweepLogs(deps: Pick<Dependencies, 'db' | 'clock' | 'logDays' | 'log'>) {
  return async (): Promise<{ readonly nextAfterId: string | null }> => {
    const before = new Date(deps.clock().getTime() - deps.logDays * DAY_MS);
    let removed = 0;
    for (let step = 0; step < STEPS_AT_ONCE; step += 1) {
      const operations = await removeOperations(deps.db, before, AT_ONCE);
      const lines = await removeLogLines(deps.db, before, AT_ONCE);
      removed += operations + lines;
      if (Math.max(operations, lines) === AT_ONCE) continue;
      if (removed > 0) deps.log('logs.swept', { removed });
      return { nextAfterId: null };
    }
    return { nextAfterId: 'more' };
  };
}
