import { runnersOf } from '../../bench/chaos/theatre.ts';
import { isAlive } from '../../platform/child-process.ts';
import { until } from './until.ts';

/**
 * Kills the processes in which scripts of this test's own platform run, the newest first and each once the one before is
 * gone: that is the spare, which a run that lost its process would otherwise be given before its own end is heard of.
 */
export async function killRunners(): Promise<void> {
  for (const pid of runnersOf(process.pid).toReversed()) {
    process.kill(pid, 'SIGKILL');
    await until(`end of process ${pid}`, () => !isAlive(pid), { everyMs: 1 });
  }
}
