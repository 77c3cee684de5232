/**
 * A recorded journal as the sandbox replays it. A deployed script must make every call as it did. A changed one (`local`)
 * must ask for the same things: what only writes is answered here and may differ, so that a fix can be tried.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Journal, JournalCall, JournalEntry, JournalKind } from '../contract/journal.ts';
import { maskHeaders } from '../contract/journal-document.ts';
import { hashArguments, keptArguments } from '../sandbox/arguments.ts';
import { callText } from './call-text.ts';
import type { RecordedEntry, RecordedRun } from './journal-file.ts';

/** Who can answer a call where no journal does: this process, for what only writes. Whoever adds a kind decides it. */
export const ANSWERED_BY: Readonly<Record<JournalKind, 'anyone' | 'journal'>> = {
  log: 'anyone',
  saveRecords: 'anyone',
  updateRecords: 'anyone',
  deleteRecords: 'anyone',
  startTracking: 'anyone',
  setMergingStrategy: 'anyone',
  saveCheckpoint: 'anyone',
  setMetadata: 'anyone',
  updateMetadata: 'anyone',
  triggerSync: 'anyone',
  startSync: 'anyone',
  request: 'journal',
  readRecords: 'journal',
  deleteUnseen: 'journal',
  getConnection: 'journal',
  getCheckpoint: 'journal',
  getIntegration: 'journal',
  getEnvironmentVariables: 'journal',
  acquireLock: 'journal',
  releaseLock: 'journal',
  uncontrolledFetch: 'journal',
  triggerAction: 'journal',
  timer: 'journal',
};

export type ReplayJournal = {
  readonly journal: Journal;
  /** In the author's words, how the script went another way; undefined while it has not. */
  readonly difference: () => string | undefined;
};

/** @param onAnswer gets each call that the journal answers, just before its answer is handed over. */
export function createReplayJournal(
  { head, entries }: RecordedRun,
  options: {
    readonly isLocal: boolean;
    readonly onAnswer: (call: JournalCall, entry: JournalEntry) => void;
  },
): ReplayJournal {
  const wanted = options.isLocal ? entries.filter(isOfJournal) : entries;
  const hash = hashArguments(head.seed);
  let unread = options.isLocal ? renumbered(entries) : wanted;
  let answered = 0;
  let isMasked = false;
  let otherCall: JournalCall | undefined;

  const answers = (_: JournalEntry, call: JournalCall): boolean => {
    const entry = wanted[answered];
    if (entry === undefined) return false;
    const isSame = call.kind === entry.kind && hash(call.kind, call.json, call.body) === entry.argsHash;
    if (!isSame && !(isMasked && isSameMasked(entry, call))) {
      otherCall = call;
      return false;
    }
    answered += 1;
    isMasked ||= entry.masked === true;
    options.onAnswer(call, entry);
    return true;
  };
  const difference = (): string | undefined => {
    const entry = wanted[answered];
    if (entry === undefined) return undefined;
    const then = `call ${entry.number} was ${callText(entry.kind, entry.args)}`;
    if (otherCall === undefined) return `${then}, and this time the script did not make it`;
    const hint = isMasked ? '. Credentials are masked here: what is computed from one differs' : '';
    return `${then} and is ${callText(otherCall.kind, otherCall.json)} this time${hint}`;
  };
  return {
    journal: {
      read: async () => {
        const all = unread;
        unread = [];
        return all;
      },
      pending: new Map(),
      hash,
      record: () => undefined,
      answers,
      ...(options.isLocal && { isApart: (call) => !isOfJournal(call) }),
    },
    difference,
  };
}

/** Those that only the journal answers, with the numbers they would have if the script made no other calls. */
function renumbered(entries: readonly RecordedEntry[]): RecordedEntry[] {
  const others = entries.filter((entry) => !isOfJournal(entry)).map(({ number }) => number);
  others.sort((a, b) => a - b);
  const othersBelow = (number: number): number => {
    const above = others.findIndex((other) => other > number);
    return above === -1 ? others.length : above;
  };
  return entries.filter(isOfJournal).map((entry) => ({ ...entry, number: entry.number - othersBelow(entry.number) }));
}

function isOfJournal({ kind }: { readonly kind: JournalKind }): boolean {
  return ANSWERED_BY[kind] === 'journal';
}

/** The recorded arguments have stand-ins for secrets, as this script has been given: so they can be compared as they are. */
function isSameMasked(entry: RecordedEntry, { kind, json }: JournalCall): boolean {
  if (kind !== entry.kind) return false;
  const args = keptArguments(kind, json);
  return isDeepStrictEqual(maskHeaders(JSON.parse(args)), maskHeaders(JSON.parse(entry.args)));
}
