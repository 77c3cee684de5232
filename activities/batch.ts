/** What a run has done since its last flush, and how much of an answer its journal keeps. */
import type { RequestConfig } from '../contract/host.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { keptArguments } from '../sandbox/arguments.ts';
import { bodyHash } from '../sandbox/replay.ts';
import type { LogLine } from '../store/run-logs.ts';
import type { Write } from './writes.ts';

export type Batch = {
  writes: Write[];
  entries: JournalEntry[];
  lines: LogLine[];
  answered: number[];
  requests: number;
  logBytes: number;
  bytes: number;
};

export function emptyBatch(): Batch {
  return { writes: [], entries: [], lines: [], answered: [], requests: 0, logBytes: 0, bytes: 0 };
}

export function isEmpty({ writes, entries, lines, answered, requests }: Batch): boolean {
  return writes.length + entries.length + lines.length + answered.length + requests === 0;
}

/** What the journal keeps of an answer: of a GET with more than `maxBytes` only a name of its body. */
export function keptOf(entry: JournalEntry, maxBytes: number): JournalEntry {
  const kept = { ...entry, args: keptArguments(entry.kind, entry.args) };
  if (!entry.ok || (entry.body?.length ?? 0) <= maxBytes || !isGet(entry)) return kept;
  return { ...kept, body: undefined, bodyHash: bodyHash(entry.body) };
}

function isGet({ kind, args }: JournalEntry): boolean {
  if (kind !== 'request') return false;
  const { config }: { config: RequestConfig } = JSON.parse(args);
  return config.method === 'GET';
}
