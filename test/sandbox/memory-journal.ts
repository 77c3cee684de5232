import { createHmac } from 'node:crypto';
import type { Journal, JournalEntry } from '../../contract/journal.ts';

/**
 * A journal in memory that passes of one script open one after the other; it is read three entries at a time.
 * @param onRecord hears of each entry once it is kept.
 */
export function createMemoryJournal(onRecord: (count: number) => void = () => undefined) {
  const entries: JournalEntry[] = [];
  return {
    entries,
    open: (): Journal => {
      let at = 0;
      const known = entries.length;
      return {
        read: async () => {
          const page = entries.slice(at, Math.min(at + 3, known));
          at += page.length;
          return page;
        },
        pending: new Map(),
        hash: (kind, args, body = '') =>
          createHmac('sha256', 'key').update(`${kind}\0${args}\0${body}`).digest('base64'),
        record: (entry) => {
          entries.push(entry);
          onRecord(entries.length);
        },
      };
    },
  };
}
