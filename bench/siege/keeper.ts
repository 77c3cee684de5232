import { setTimeout as delay } from 'node:timers/promises';
import { type Closing, createClosing } from '../../runtime/closing.ts';
import type { RunningProcess } from '../process.ts';

/** A process that is started again whenever it ends, as a supervisor would. */
export type Kept = {
  readonly name: string;
  /** None while it is down. */
  readonly pid: () => number | undefined;
  /** How often it ended without having been told to. */
  readonly ends: () => number;
  /** Sends a signal, if it is up; one that ends it is not counted as its own doing. */
  readonly signal: (signal: NodeJS.Signals) => void;
};

const AGAIN_AFTER_MS = 500;

/** Keeps it up from now on; `closing` ends that, and the process. */
export function keep(
  name: string,
  options: {
    readonly closing: Closing;
    readonly start: (closing: Closing) => Promise<RunningProcess>;
    readonly say: (line: string) => void;
  },
): Kept {
  const { closing, start, say } = options;
  const closers = new Set<Closing>();
  let current: RunningProcess | undefined;
  let [isOver, isTold, ends] = [false, false, 0];
  const run = async (): Promise<void> => {
    while (!isOver) {
      const own = createClosing();
      closers.add(own);
      isTold = false;
      try {
        current = await start(own);
        await current.exited;
      } catch (error) {
        if (!isOver) say(`${name} did not start: ${error instanceof Error ? error.message : String(error)}`);
      }
      current = undefined;
      closers.delete(own);
      if (isOver) return;
      if (!isTold) ends += 1;
      await delay(AGAIN_AFTER_MS);
    }
  };
  void run();
  closing.add(name, async () => {
    isOver = true;
    await Promise.all([...closers].map((own) => own.run()));
  });
  return {
    name,
    pid: () => current?.pid,
    ends: () => ends,
    signal: (signal) => {
      if (current === undefined) return;
      if (signal === 'SIGKILL' || signal === 'SIGTERM') isTold = true;
      try {
        process.kill(current.pid, signal);
      } catch {
        // It is gone already.
      }
    },
  };
}
