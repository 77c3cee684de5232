/** The waits of one run: its timers, and calls that an API told to come again later. Long ones suspend the run. */
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../contract/failures.ts';
import type { PendingCall } from '../contract/host.ts';
import type { Suspension } from '../contract/journal.ts';

export type Waits = {
  /** The script is at the end of its journal: from now on a wait may suspend it. */
  readonly begin: () => void;
  readonly startTimer: (number: number, json: string) => void;
  readonly dropTimer: (number: number) => void;
  readonly wait: (
    call: PendingCall & { readonly resumeAt: number },
    reason: string,
    ends: { readonly signal: AbortSignal; readonly sooner?: Promise<void> | undefined },
  ) => Promise<void>;
  readonly isWaiting: (number: number) => boolean;
  /** How many calls wait. */
  readonly calls: () => number;
  readonly timers: () => number;
  /** Looks whether there is nothing left to do but to wait for long, or for what interrupted the run. */
  readonly look: () => void;
  /** From now on the run is suspended once no call is at work. */
  readonly interrupt: () => void;
  readonly close: () => void;
};

type Timer = { readonly due: number; readonly handle: NodeJS.Timeout };
type WaitingCall = { readonly call: PendingCall & { readonly resumeAt: number }; readonly reason: string };

/** A shorter wait is cheaper in place than as a replay. */
const SHORTEST_SUSPENSION_MS = 10_000;
const REPLAYS_WORTH = 20;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
/** Runs that wait for the same limit do not all come back in the same moment. */
const JITTER_MS = 1_000;

export function openWaits(options: {
  readonly clock: () => Date;
  readonly isLongWaitAllowed: boolean;
  readonly isQuiet: () => boolean;
  /** No call is at work but those that wait. */
  readonly isAtRest: () => boolean;
  readonly suspend: (suspension: Suspension) => void;
  readonly onTimer: (number: number) => void;
}): Waits {
  const timers = new Map<number, Timer>();
  const waiting = new Map<number, WaitingCall>();
  const opened = performance.now();
  let replayMs: number | undefined;
  let isClosed = false;
  let isInterrupted = false;

  const suspend = (resumeAt: number | null, reason: string): void => {
    isClosed = true;
    options.suspend({ resumeAt, reason, pending: [...waiting.values()].map(({ call }) => call) });
  };

  const look = (): void => {
    if (isInterrupted && !isClosed && options.isAtRest()) suspend(null, 'interrupted');
    if (isClosed || replayMs === undefined || !options.isLongWaitAllowed || !options.isQuiet()) return;
    const due = [
      ...[...waiting.values()].map(({ call }) => call.resumeAt),
      ...[...timers.values()].map((one) => one.due),
    ];
    if (due.length === 0) return;
    const resumeAt = Math.min(...due);
    const left = resumeAt - options.clock().getTime();
    if (left <= Math.max(SHORTEST_SUSPENSION_MS, REPLAYS_WORTH * replayMs)) return;
    const first = [...waiting.values()].sort((a, b) => a.call.resumeAt - b.call.resumeAt)[0];
    const isCall = first !== undefined && first.call.resumeAt === resumeAt;
    suspend(resumeAt + Math.random() * JITTER_MS, isCall ? first.reason : 'the script sleeps (setTimeout)');
  };

  return {
    look,
    interrupt: () => {
      isInterrupted = true;
      look();
    },
    begin: () => {
      replayMs = performance.now() - opened;
      look();
    },
    startTimer: (number, json) => {
      // The guest's own time at the call, so that a timer is due at the same moment however often the script ran again.
      const { ms, at } = JSON.parse(json) as { ms: number; at: number };
      const due = Number(at) + Math.max(Number(ms) || 0, 0);
      const left = Math.min(Math.max(due - options.clock().getTime(), 0), LONGEST_TIMEOUT_MS);
      const wake = (): void => {
        timers.delete(number);
        options.onTimer(number);
      };
      timers.set(number, { due, handle: setTimeout(wake, left) });
    },
    dropTimer: (number) => {
      clearTimeout(timers.get(number)?.handle);
      timers.delete(number);
    },
    wait: async (call, reason, { signal, sooner }) => {
      if (isClosed) throw new EngineError('script_aborted', 'The run was stopped before a call could be tried again');
      waiting.set(call.number, { call, reason });
      // After this turn, when the desk has seen that the call is no longer at work.
      setImmediate(look);
      try {
        const left = Math.min(Math.max(call.resumeAt - options.clock().getTime(), 0), LONGEST_TIMEOUT_MS);
        await sleep(left, signal, sooner);
      } catch {
        throw new EngineError('script_aborted', 'The run was stopped while a call waited');
      } finally {
        waiting.delete(call.number);
      }
    },
    isWaiting: (number) => waiting.has(number),
    calls: () => waiting.size,
    timers: () => timers.size,
    close: () => {
      isClosed = true;
      for (const { handle } of timers.values()) clearTimeout(handle);
      timers.clear();
    },
  };
}

/** Until the time is over or `sooner` is there; rejects when `signal` comes first. */
async function sleep(ms: number, signal: AbortSignal, sooner: Promise<void> | undefined): Promise<void> {
  if (sooner === undefined) return delay(ms, undefined, { signal });
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener('abort', end, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([sooner, delay(ms, undefined, { signal: over.signal })]);
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
