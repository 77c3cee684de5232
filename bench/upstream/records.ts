export type Change = { readonly update?: number; readonly remove?: number; readonly add?: number };
type Page = { readonly data: readonly object[]; readonly next_cursor: string | null; readonly total: number };

const FIRST_MS = Date.UTC(2026, 0, 1);
const STATUSES = ['open', 'won', 'lost', 'stalled'];

/**
 * A data set of made-up records. Only its differences from the seed are kept, so that a large one costs no memory; each
 * record is made when it is asked for, as a real upstream would read it.
 */
export function createRecords(size: () => number, bytes: () => number) {
  const changed = new Map<number, { readonly version: number; readonly updatedMs: number }>();
  const removed = new Set<number>();
  let added = 0;
  const end = (): number => size() + added;
  const updatedMs = (index: number): number => changed.get(index)?.updatedMs ?? FIRST_MS + index * 1000;

  const recordOf = (index: number): object => {
    const version = changed.get(index)?.version ?? 1;
    const record = {
      id: `rec_${String(index).padStart(8, '0')}`,
      name: `Record number ${index}`,
      email: `user${index}@example.com`,
      status: STATUSES[(index + version) % STATUSES.length],
      amount: ((index * 7919) % 100_000) / 100,
      version,
      owner: { id: `own_${index % 97}`, name: `Owner ${index % 97}` },
      tags: [`t${index % 7}`, `t${index % 13}`],
      created_at: new Date(FIRST_MS + index * 1000).toISOString(),
      updated_at: new Date(updatedMs(index)).toISOString(),
    };
    const padding = bytes() - JSON.stringify(record).length - 10;
    return padding > 0 ? { ...record, note: 'x'.repeat(padding) } : record;
  };

  return {
    page: (options: { cursor: number; limit: number; sinceMs: number | null }): Page => {
      const data: object[] = [];
      let index = options.cursor;
      for (; index < end() && data.length < options.limit; index += 1) {
        if (removed.has(index)) continue;
        if (options.sinceMs !== null && updatedMs(index) <= options.sinceMs) continue;
        data.push(recordOf(index));
      }
      return { data, next_cursor: index < end() ? String(index) : null, total: end() - removed.size };
    },
    /** Spreads the changes evenly over the data set. */
    change: ({ update = 0, remove = 0, add = 0 }: Change, nowMs: number): void => {
      for (const index of spread(update, end(), 0)) {
        changed.set(index, { version: (changed.get(index)?.version ?? 1) + 1, updatedMs: nowMs });
      }
      for (const index of spread(remove, end(), 1)) removed.add(index);
      for (let n = 0; n < add; n += 1) {
        changed.set(end(), { version: 1, updatedMs: nowMs });
        added += 1;
      }
    },
    reseed: (): void => {
      changed.clear();
      removed.clear();
      added = 0;
    },
  };
}

function spread(count: number, end: number, first: number): number[] {
  const step = Math.max(1, Math.floor(end / Math.max(1, count)));
  return Array.from({ length: count }, (_, n) => first + n * step).filter((index) => index < end);
}
