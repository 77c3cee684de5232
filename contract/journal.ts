/**
 * What makes a script durable: every host call is numbered when the guest makes it and remembered in the order in which
 * its answer was delivered. A script that runs again gets the remembered answers in that order and goes on behind the
 * last of them. The algorithm is in sandbox/, the keeping in Postgres (activities/, store/) or in memory (cli/).
 */
import type { HostCallKind, PendingCall } from './host.ts';

export type JournalKind = HostCallKind | 'timer';

/** One delivered answer. */
export type JournalEntry = {
  /** The guest's number of the call; entries stand in the order of delivery, which may be another. */
  readonly number: number;
  readonly kind: JournalKind;
  /** Keyed hash of kind, arguments and body: another one at this number means that the script went another way. */
  readonly argsHash: string;
  /** The call's arguments as JSON text, for people who look at the run; bodies of saves are left out. */
  readonly args: string;
  readonly ok: boolean;
  readonly json: string;
  readonly body: string | Uint8Array | undefined;
  /** Names a body that was not kept for its size: the call, which only reads, is made again for it. */
  readonly bodyHash?: string;
  /** The time the script saw from this answer on, ms since the epoch. */
  readonly now: number;
};

/** A call as the script makes it. */
export type JournalCall = {
  readonly number: number;
  readonly kind: JournalKind;
  /** The arguments as JSON text. */
  readonly json: string;
  readonly body: string | undefined;
};

/** The journal of one run, as one attempt of it sees it. */
export type Journal = {
  /** The next remembered entries in order; empty once all have been given out. Read ahead stays bounded. */
  readonly read: () => Promise<readonly JournalEntry[]>;
  /** Calls begun by an earlier attempt and not answered, by number. */
  readonly pending: ReadonlyMap<number, PendingCall>;
  readonly hash: (kind: JournalKind, args: string, body: string | undefined) => string;
  /** Remembers an answer that is just being delivered; kept with the next flush. */
  readonly record: (entry: JournalEntry) => void;
  /** Whether an entry, whose turn it is, answers this call. @default whether kind and hash are the same */
  readonly answers?: (entry: JournalEntry, call: JournalCall) => boolean;
  /** Calls that no entry answers: the Host does at once, and the entries are numbered without them. @default none */
  readonly isApart?: (call: JournalCall) => boolean;
};

/** Why a run stops before its script has ended, to go on later behind the same answers. */
export type Suspension = {
  /** Ms since the epoch; null when it was interrupted from outside. */
  readonly resumeAt: number | null;
  readonly reason: string;
  readonly pending: readonly PendingCall[];
};
