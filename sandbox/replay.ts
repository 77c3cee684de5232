/**
 * The rules of replay, without any I/O of their own: a script that runs again is answered from the journal, in the order
 * in which it was answered before, until the journal ends. A call that is not the one the journal remembers at its
 * number means that the script went another way.
 */
import { createHash } from 'node:crypto';
import type { Journal, JournalEntry, JournalKind } from '../contract/journal.ts';

export type HeldCall = {
  readonly number: number;
  readonly kind: JournalKind;
  readonly json: string;
  readonly body: string | undefined;
};

export type Replay = {
  /** False once the journal is at its end and every call goes to the outer world. */
  readonly isOn: () => boolean;
  /** A call the guest made; kept until the journal's order comes to it. */
  readonly hold: (call: HeldCall) => void;
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
    readonly fetchAgain: (call: HeldCall) => Promise<JournalEntry['body']>;
    readonly goLive: (calls: readonly HeldCall[]) => void;
    readonly diverged: (reason: string) => void;
    readonly failed: (error: unknown) => void;
  },
): Replay {
  const held = new Map<number, HeldCall>();
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

  const answerAgain = (call: HeldCall, entry: JournalEntry): void => {
    isReading = true;
    to.fetchAgain(call).then(
      (body) => {
        isReading = false;
        if (bodyHash(body) !== entry.bodyHash) return diverge(`the answer of call ${call.number} is another one now`);
        to.answer({ ...entry, body });
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
      to.answer(entry);
    }
  };

  readOn();
  return {
    isOn: () => isOn,
    hold: (call) => {
      held.set(call.number, call);
      advance();
    },
    drop: (number) => {
      held.delete(number);
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

function differenceOf(journal: Journal, entry: JournalEntry, call: HeldCall): string | undefined {
  if (call.kind !== entry.kind) return `call ${entry.number} was ${entry.kind} and is ${call.kind} this time`;
  if (journal.hash(call.kind, call.json, call.body) === entry.argsHash) return undefined;
  return `call ${entry.number} (${entry.kind}) has other arguments this time`;
}
