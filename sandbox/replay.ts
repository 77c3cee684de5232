/**
 * The rules of replay, without any I/O of their own: a script that runs again is answered from the journal, in the order
 * in which it was answered before, until the journal ends. A call that is not the one the journal remembers at its
 * number means that the script went another way.
 */
import { createHash } from 'node:crypto';
import type { Journal, JournalCall, JournalEntry } from '../contract/journal.ts';

export type Replay = {
  /** Keeps a call the guest made until the journal's order comes to it; false for one that goes to the outer world. */
  readonly hold: (call: JournalCall) => boolean;
  /** A timer the guest stopped before its turn came. */
  readonly drop: (number: number) => void;
  /** The guest has nothing more to do until it is answered: the next answer must be due by now. */
  readonly onIdle: () => void;
  /** The script has ended: it must not have skipped an answer. */
  readonly hasRest: () => boolean;
};

/**
 * @param to `answer` gets remembered answers in order; `goLive` the calls without one, in the guest's order, once the
 * journal has ended; `fetchAgain` makes a call whose body was not kept; `diverged` and `failed` end the pass.
 */
export function startReplay(
  journal: Journal,
  to: {
    readonly answer: (entry: JournalEntry) => void;
    readonly fetchAgain: (call: JournalCall) => Promise<JournalEntry['body']>;
    readonly goLive: (calls: readonly JournalCall[]) => void;
    readonly diverged: (reason: string) => void;
    readonly failed: (error: unknown) => void;
  },
): Replay {
  // By the number of the entry that is to answer them.
  const held = new Map<number, JournalCall>();
  // Numbers of the calls that no entry answers, ascending as the guest makes them.
  const apart: number[] = [];
  let entries: readonly JournalEntry[] = [];
  let at = 0;
  let isReading = false;
  const diverge = (reason: string): void => {
    isOn = false;
    to.diverged(reason);
  };
  let isOn = true;

  const end = (): void => {
    isOn = false;
    const calls = [...held.values()].sort((a, b) => a.number - b.number);
    held.clear();
    to.goLive(calls);
  };

  const readOn = (): void => {
    isReading = true;
    journal.read().then(
      (more) => {
        isReading = false;
        [entries, at] = [more, 0];
        if (more.length === 0) end();
        else advance();
      },
      (error: unknown) => to.failed(error),
    );
  };

  const answerAgain = (call: JournalCall, entry: JournalEntry): void => {
    isReading = true;
    to.fetchAgain(call).then(
      (body) => {
        isReading = false;
        if (bodyHash(body) !== entry.bodyHash) return diverge(`the answer of call ${call.number} is another one now`);
        to.answer({ ...entry, number: call.number, body });
        advance();
      },
      (error: unknown) => to.failed(error),
    );
  };

  const advance = (): void => {
    while (isOn && !isReading) {
      const entry = entries[at];
      if (entry === undefined) return readOn();
      const call = held.get(entry.number);
      if (call === undefined) return;
      const reason = differenceOf(journal, entry, call);
      if (reason !== undefined) return diverge(reason);
      held.delete(entry.number);
      at += 1;
      if (entry.bodyHash !== undefined) return answerAgain(call, entry);
      to.answer({ ...entry, number: call.number });
    }
  };

  readOn();
  return {
    hold: (call) => {
      if (!isOn) return false;
      if (journal.isApart?.(call)) {
        apart.push(call.number);
        return false;
      }
      held.set(call.number - apart.filter((number) => number < call.number).length, call);
      advance();
      return true;
    },
    drop: (number) => {
      for (const [place, call] of held) if (call.number === number) held.delete(place);
    },
    onIdle: () => {
      const entry = entries[at];
      if (!isOn || isReading || entry === undefined) return;
      diverge(`call ${entry.number} (${entry.kind}) was not made this time`);
    },
    hasRest: () => isOn && (isReading || at < entries.length),
  };
}

/** What names the body of an answer that is not kept. */
export function bodyHash(body: JournalEntry['body']): string {
  return createHash('sha256')
    .update(body ?? '')
    .digest('base64url');
}

function differenceOf(journal: Journal, entry: JournalEntry, call: JournalCall): string | undefined {
  const isSame = journal.answers?.(entry, call) ?? isSameCall(journal, entry, call);
  if (isSame) return undefined;
  if (call.kind !== entry.kind) return `call ${entry.number} was ${entry.kind} and is ${call.kind} this time`;
  return `call ${entry.number} (${entry.kind}) has other arguments this time`;
}

function isSameCall(journal: Journal, entry: JournalEntry, { kind, json, body }: JournalCall): boolean {
  return kind === entry.kind && journal.hash(kind, json, body) === entry.argsHash;
}
