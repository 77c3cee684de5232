import { setTimeout as delay } from 'node:timers/promises';
import { type Caller, call } from '../../platform/example.ts';
import type { Item } from './truth.ts';

type Row = Item & {
  readonly _nango_metadata: { readonly cursor: string; readonly last_action: 'ADDED' | 'UPDATED' | 'DELETED' };
};
type Page = { readonly records: readonly Row[]; readonly next_cursor: string | null };

export type Reader = {
  /** What it believes to be there, from the changes it has seen. */
  readonly believes: () => readonly Item[];
  /** Reads what is left and ends. */
  readonly finish: () => Promise<void>;
};

const EVERY_MS = 1000;

/**
 * Somebody who keeps a copy of a connection's records, by the changes since their last cursor, all the time.
 * @param next The API to ask next.
 */
export function startReader(next: () => Caller, integration: string, connection: string): Reader {
  const copy = new Map<string, number>();
  let cursor = '';
  let isFinished = false;
  const readOn = async (): Promise<void> => {
    for (;;) {
      const path = `/records?model=Task&limit=50${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
      const of = { 'provider-config-key': integration, 'connection-id': connection };
      const { records, next_cursor: more } = await call<Page>(next(), 'GET', path, undefined, [], of);
      for (const { id, version, _nango_metadata: metadata } of records) {
        if (metadata.last_action === 'DELETED') copy.delete(id);
        else copy.set(id, version);
        cursor = metadata.cursor;
      }
      if (more === null) return;
    }
  };
  const reading = (async () => {
    // While the API or Postgres is down there is no answer; the reader asks again, as any would.
    for (; !isFinished; await delay(EVERY_MS)) await readOn().catch(() => undefined);
  })();
  return {
    believes: () => [...copy].map(([id, version]) => ({ id, version })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    finish: async () => {
      isFinished = true;
      await reading;
      await readOn();
    },
  };
}
