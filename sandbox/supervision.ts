/** What ends a run from outside: its wall clock, its cancellation, an interruption. */
import { failureCode } from '../contract/failures.ts';
import type { ScriptOutcome, ScriptRun } from '../contract/script.ts';
import { failure } from './call-desk.ts';
import { nameOf } from './script-error.ts';

/** For going through a journal, which does nothing new. It is no part of the running time, but not without an end. */
const REPLAY_WALL_CLOCK_MS = 3_600_000;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export type Supervision = {
  /** The script is at the end of its journal: its running time goes on from here. */
  readonly live: () => void;
  readonly end: () => void;
};

/** Watches over one run until `end`. `isOver` tells a run that nobody goes on with from one that was only stopped. */
export function superviseRun(
  run: ScriptRun,
  { stop, interrupt }: { stop: (outcome: ScriptOutcome, isOver: boolean) => void; interrupt: () => void },
): Supervision {
  const { wallClockMs } = run.limits;
  const timeOut = (what: string): void => {
    const message = `${nameOf(run)} was stopped in ${run.bundle.file}: it ${what}.`;
    stop({ status: 'failed', failure: failure('script_timed_out', message), calls: 0 }, false);
  };
  const slow = (): void => timeOut(`went through its remembered answers for longer than ${REPLAY_WALL_CLOCK_MS} ms`);
  let timer = setTimeout(slow, REPLAY_WALL_CLOCK_MS);
  const abort = (): void => stop(abortedOutcome(run), failureCode(run.signal.reason) === 'script_aborted');
  run.signal.addEventListener('abort', abort);
  run.interrupt?.addEventListener('abort', interrupt);
  return {
    live: () => {
      clearTimeout(timer);
      const left = Math.max(0, wallClockMs - (run.ranMs ?? 0));
      timer = setTimeout(() => timeOut(`ran longer than ${wallClockMs} ms`), Math.min(left, LONGEST_TIMEOUT_MS));
    },
    end: () => {
      clearTimeout(timer);
      run.interrupt?.removeEventListener('abort', interrupt);
      run.signal.removeEventListener('abort', abort);
    },
  };
}

/** The outcome of a run that was cancelled, before or after it began. */
export function abortedOutcome(run: ScriptRun): ScriptOutcome {
  return { status: 'failed', failure: failure('script_aborted', `${nameOf(run)} was cancelled.`), calls: 0 };
}

/** The outcome of a run that was interrupted before it had a process: what it waits for stays as it was stored. */
export function interruptedOutcome(): ScriptOutcome {
  return { status: 'suspended', suspension: { resumeAt: null, reason: 'interrupted', pending: [] }, calls: 0 };
}
