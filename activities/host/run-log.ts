import type { Host, LogLevel } from '../../contract/host.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';

/** Log lines of one generation are numbered below the next multiple of this. */
export const LINES_PER_GENERATION = 20_000_000;

export type RunLog = Pick<Host, 'log'> & {
  /** A line of the engine about the script's call of that number. */
  readonly warn: (call: number, message: string) => void;
};

/**
 * The run's log. A line's number follows from the call that wrote it, so however often the script runs again, each line
 * is there once.
 */
export function createRunLog(deps: Dependencies, run: Attempt, recorder: Recorder): RunLog {
  // A new generation numbers its calls anew.
  const base = run.generation * LINES_PER_GENERATION;
  const add = (seq: number, level: LogLevel, message: string): void => {
    recorder.log({ seq: base + seq, at: deps.clock(), level, message });
    deps.log('script.log', { run: run.runId, name: run.name, level, message });
  };
  return {
    warn: (call, message) => add(2 * call + 2, 'warn', message),
    log: async ({ level, message }, { number }) => {
      add(2 * number + 1, level, message);
      return { value: null };
    },
  };
}
