/** Reads the journal that `GET /runs/:id/journal` gave out, from the server or from a file that keeps it. */
import { EngineError } from '../contract/failures.ts';
import type { JournalEntry } from '../contract/journal.ts';
import {
  JOURNAL_FORMAT,
  type JournalEnd,
  type JournalFailure,
  type JournalHead,
  type JournalLine,
} from '../contract/journal-document.ts';

export type RecordedEntry = JournalEntry & { readonly masked?: true };
export type RecordedRun = { readonly head: JournalHead; readonly entries: readonly RecordedEntry[] };

/** @throws EngineError `journal_damaged` naming `source` for what is no journal, or not a whole one. */
export function readRecordedRun(bytes: Buffer, source: string): RecordedRun {
  const damaged = (reason: string): EngineError => new EngineError('journal_damaged', `${source} ${reason}.`);
  const lines = linesOf(bytes, () => damaged('is no journal: expected what nango replay --save-journal wrote'));
  const [head, ...rest] = lines as [JournalHead | undefined, ...(JournalLine | JournalEnd | JournalFailure)[]];
  if (head?.format !== JOURNAL_FORMAT) {
    throw damaged(`has format '${head?.format}': expected '${JOURNAL_FORMAT}', which this version of nango reads`);
  }
  const last = rest.pop();
  if (last !== undefined && 'failure' in last) throw new EngineError(last.failure.code, last.failure.message);
  if (last === undefined || !('entries' in last) || last.entries !== rest.length) {
    throw damaged(`ends in the middle, after ${lines.length - 1} whole lines: fetch it again`);
  }
  return { head, entries: (rest as JournalLine[]).map(entryOf) };
}

// Line by line: all of it together may be longer than a text can be.
function linesOf(bytes: Buffer, fault: () => EngineError): unknown[] {
  const lines: unknown[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from);
    const to = end === -1 ? bytes.length : end;
    try {
      lines.push(JSON.parse(bytes.toString('utf8', from, to)));
    } catch {
      // A last line that was cut off; whoever reads the lines misses the end.
      if (lines.length > 0) return lines;
      throw fault();
    }
    from = to + 1;
  }
  if (lines.length === 0) throw fault();
  return lines;
}

function entryOf({ body, bytes, ...entry }: JournalLine): RecordedEntry {
  if (body === undefined) return { ...entry, body: undefined };
  return { ...entry, body: bytes === undefined ? body : Buffer.from(body, bytes) };
}
