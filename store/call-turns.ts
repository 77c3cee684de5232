/**
 * Calls that wait for the budget of an API, as one process has them: those of a run in the order of the script, those of
 * `/proxy` as they came, in turn with whoever else shares the budget, in whatever process.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type InCallLine, joinCallLine, leaveCallLine, standsInCallLine, takeTurn } from './call-line.ts';
import type { Queryable } from './db.ts';

/** Waits until `resumeAt` as a host call does, or until `sooner`. */
export type WaitInLine = (resumeAt: number, reason: string, sooner?: Promise<void>) => Promise<void>;

export type CallInLine = {
  /** Its place among its own: its number in the script, or the how many-th of the callers it is. */
  readonly number: number;
  readonly signal: AbortSignal;
  readonly wait: WaitInLine;
};

export type CallLine = {
  /** Lets the call wait for a limit until `due`; its run has its place in line meanwhile. */
  readonly hold: (due: number, call: CallInLine, wait: () => Promise<void>) => Promise<void>;
  /** A call that waited in an earlier attempt of the run: it waits again. */
  readonly comeBack: () => void;
  /**
   * Resolves when the call may be made, with what is to be called once it was: `isLimited` says whether the API wants to
   * hear nothing more for a while. Undefined: that is already so, and the call has to wait for it.
   */
  readonly turn: (call: CallInLine) => Promise<((isLimited: boolean) => void) | undefined>;
  /** Gives the place up if no call waits or is under way, and says whether that is so. */
  readonly closeIfUnused: () => boolean;
};

export type CallLineDeps = {
  readonly db: Queryable;
  readonly clock: () => Date;
  /** Does a step in Postgres, and again as its caller sees fit. */
  readonly stored: <T>(step: () => Promise<T>, signal: AbortSignal) => Promise<T>;
};

/** After a limit nobody knows how much there is to spend: few calls are made at first, and one more at once for each answer. */
const FIRST_AT_ONCE = 4;
const LOOK_MS = 50;
const LONGEST_LOOK_MS = 5_000;
const FREE = (): void => undefined;
const NEVER = new AbortController().signal;

type Place = CallInLine & { readonly called: PromiseWithResolvers<void>; state: 'waits' | 'goes' | 'looks again' };

/** @param isResumed whether an earlier attempt of the run may have been lost in line: its place is kept in Postgres. */
export function openCallLine(
  { db, clock, stored }: CallLineDeps,
  of: InCallLine,
  { isResumed }: { readonly isResumed: boolean },
): CallLine {
  const queue: Place[] = [];
  let isOpen = false;
  let held = 0;
  let dueBefore = 0;
  let atWork = 0;
  let atOnce = FIRST_AT_ONCE;
  let isMoving = false;
  let recalled: Promise<void> | undefined;
  /** One after the other, so that a late leaving does not undo a joining. */
  let written: Promise<unknown> = Promise.resolve();

  const write = (signal: AbortSignal, work: () => Promise<void>): Promise<void> => {
    const done = written.then(() => stored(work, signal));
    written = done.catch(() => undefined);
    return done;
  };

  /** Once, before the first call: a run that comes back must not rush past those who stand in line. */
  const recall = (signal: AbortSignal): Promise<void> => {
    recalled ??= stored(() => standsInCallLine(db, of), signal).then((stands) => {
      isOpen ||= stands;
    });
    return recalled;
  };

  const send = (place: Place, state: Place['state']): void => {
    place.state = state;
    place.called.resolve();
  };

  const isEmpty = (): boolean => queue.length === 0 && held === 0;

  const closeIfEmpty = async (signal: AbortSignal): Promise<void> => {
    if (!isOpen || !isEmpty()) return;
    isOpen = false;
    dueBefore = 0;
    atOnce = FIRST_AT_ONCE;
    await write(signal, () => leaveCallLine(db, of));
  };

  /** Calls the first in line while the run may have more calls at once, and it is its turn. */
  const move = async (): Promise<void> => {
    if (isMoving) return;
    isMoving = true;
    try {
      for (let first = queue[0]; first !== undefined && atWork < atOnce; first = queue[0]) {
        const isTurn = await stored(() => takeTurn(db, of, clock()), first.signal);
        const next = isTurn ? queue.shift() : undefined;
        if (next !== undefined) {
          atWork += 1;
          send(next, 'goes');
          await closeIfEmpty(next.signal);
        } else if (!isTurn) await delay(LOOK_MS * (1 + Math.random()));
      }
    } catch {
      // Whoever is called meets the same fault by itself, and knows what it means for it.
      for (const place of queue.splice(0)) send(place, 'looks again');
    } finally {
      isMoving = false;
    }
  };

  const leave = (isLimited: boolean): void => {
    atWork -= 1;
    atOnce = isLimited ? FIRST_AT_ONCE : atOnce + 1;
    if (isLimited) for (const place of queue.splice(0)) send(place, 'looks again');
    void move();
  };

  return {
    hold: async (due, { signal }, wait) => {
      isOpen = true;
      held += 1;
      try {
        if (due > dueBefore) {
          dueBefore = due;
          await write(signal, () => joinCallLine(db, of, new Date(due), clock()));
        }
        await wait();
      } finally {
        held -= 1;
      }
    },
    comeBack: () => {
      isOpen = true;
    },
    turn: async (call) => {
      if (isResumed) await recall(call.signal);
      if (!isOpen) return FREE;
      const place: Place = { ...call, called: Promise.withResolvers(), state: 'waits' };
      const before = queue.findLastIndex(({ number }) => number < call.number);
      queue.splice(before + 1, 0, place);
      void move();
      try {
        while (place.state === 'waits') {
          const look = clock().getTime() + LONGEST_LOOK_MS;
          await call.wait(look, 'it is the turn of other calls to the API', place.called.promise);
        }
      } catch (error) {
        // It was called and cannot come.
        if (place.state === 'goes') leave(false);
        throw error;
      } finally {
        if (queue.includes(place)) queue.splice(queue.indexOf(place), 1);
      }
      return place.state === 'goes' ? leave : undefined;
    },
    closeIfUnused: () => {
      if (!isEmpty() || atWork > 0) return false;
      // A row that stays behind is passed by within seconds, and goes with the next that joins.
      void closeIfEmpty(NEVER).catch(() => undefined);
      return true;
    },
  };
}
