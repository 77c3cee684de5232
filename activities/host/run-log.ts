import type { Host, LogLevel } from '../../contract/host.ts';
import type { Redactor } from '../../contract/redaction.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';

const LINES_PER_GENERATION = 10_000_000_000;
const LINES_PER_CALL = 1_000;
const PLACES = { log: 1, warn: 2, wait: 3 } as const;
const MOST_WAITS_PER_CALL = LINES_PER_CALL - PLACES.wait;

/** The number of the first line of a generation. */
export function firstLine(generation: number): number {
  return generation * LINES_PER_GENERATION;
}

/** The number of a line that says that the run waits, behind all lines of the `calls` its script has made. */
export function waitLine(run: Pick<Attempt, 'generation' | 'fence'>, calls: number): number {
  return firstLine(run.generation) + LINES_PER_CALL * calls + PLACES.wait + (run.fence % MOST_WAITS_PER_CALL);
}

export type RunLog = Pick<Host, 'log'> & {
  /** A line of the engine about the script's call of that number. */
  readonly warn: (call: number, message: string) => void;
};

/**
 * The run's log. A line's number follows from the call that wrote it, so however often the script runs again, each line
 * is there once.
 */
export function createRunLog(
  deps: Dependencies,
  run: Attempt,
  recorder: Recorder,
  redactor: Pick<Redactor, 'redact'>,
): RunLog {
  // Calls count from 0, and a new generation numbers them anew.
  const numberOf = (call: number, place: number) => firstLine(run.generation) + LINES_PER_CALL * (call + 1) + place;
  const add = async (seq: number, level: LogLevel, line: string): Promise<void> => {
    // Postgres holds no NUL, and a log line can never fail a run.
    const message = redactor.redact(line.replaceAll('\0', '').toWellFormed());
    const isKept = await recorder.log({ seq, at: deps.clock(), level, message });
    if (isKept) deps.log('script.log', { run: run.runId, name: run.name, level, message });
  };
  return {
    // What its flush fails with, ends the run by itself.
    warn: (call, message) => void add(numberOf(call, PLACES.warn), 'warn', message).catch(() => undefined),
    log: async ({ level, message }, { number }) => {
      await add(numberOf(number, PLACES.log), level, message);
      return { value: null };
    },
  };
}
