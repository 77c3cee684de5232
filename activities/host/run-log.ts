import type { Host, LogLevel } from '../../contract/host.ts';
import { addLogLines, type LogLine } from '../../store/run-logs.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import { untilStored } from '../store-retry.ts';

const FLUSH_AFTER_MS = 500;
const FLUSH_AFTER_LINES = 200;

export type RunLog = {
  readonly call: Host['log'];
  readonly add: (level: LogLevel, message: string) => void;
  readonly flush: () => Promise<void>;
};

/**
 * The run's log, written in batches off the hot path. Lines are numbered in the order they were written: an attempt
 * that runs the script again writes the same numbers, and Postgres keeps the first of each.
 */
export function createRunLog(deps: Dependencies, run: Attempt, signal: AbortSignal): RunLog {
  let seq = 0;
  let buffer: LogLine[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const lines = buffer;
    buffer = [];
    if (lines.length > 0) {
      writing = writing.then(() => untilStored(() => addLogLines(deps.db, run.runId, lines), signal));
    }
    return writing;
  };
  const add = (level: LogLevel, message: string): void => {
    const line: LogLine = { seq: ++seq, at: deps.clock(), level, message };
    buffer.push(line);
    deps.log('script.log', { run: run.runId, name: run.name, level, message });
    if (buffer.length >= FLUSH_AFTER_LINES) flush().catch(() => undefined);
    else timer ??= setTimeout(() => flush().catch(() => undefined), FLUSH_AFTER_MS);
  };
  return {
    add,
    flush,
    call: async ({ level, message }) => {
      add(level, message);
      return { value: null };
    },
  };
}
