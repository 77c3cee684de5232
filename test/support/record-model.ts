/** Records as they ought to be: a small model in memory of one (connection, model, variant) and the syncs that write it. */
import { isDeepStrictEqual } from 'node:util';
import { mergeJson } from '../../manifest/record-rules.ts';

export type ModelRow = { readonly id: string } & Readonly<Record<string, unknown>>;
export type Counts = { added: number; updated: number; deleted: number };
type Stored = {
  content: ModelRow;
  action: 'ADDED' | 'UPDATED' | 'DELETED';
  firstSeen: number;
  modified: number;
  isDeleted: boolean;
  isPruned: boolean;
  seq: number;
};

/** Times are microseconds. `writer` names a sync. */
export function createRecordModel() {
  const rows = new Map<string, Stored>();
  const claims = new Map<string, Map<string, number>>();
  let seq = 0;
  let last = Number.NEGATIVE_INFINITY;
  let generation = 0;
  let first: string | undefined;
  let isShared = false;
  const trackings = new Map<string, number>();

  /** Whoever comes first fixes where times begin. */
  const open = (at: number): void => {
    if (last === Number.NEGATIVE_INFINITY) last = at - 1;
  };
  const claim = (id: string, writer: string): void => {
    claims.set(id, (claims.get(id) ?? new Map()).set(writer, generation));
  };
  /** Before what the writer brings is there: the first one claims what it has itself. */
  const meet = (writer: string): void => {
    if (isShared || first === writer) return;
    if (first !== undefined) {
      isShared = true;
      for (const [id, row] of rows) if (!row.isDeleted && !claims.get(id)?.has(first)) claim(id, first);
    }
    first ??= writer;
  };
  const seen = (writer: string, ids: Iterable<string>): void => {
    if (isShared || trackings.has(writer)) for (const id of ids) claim(id, writer);
  };
  /** What is written together has one time; it moves on only when something was written. */
  const write = (at: number, changes: readonly (() => void)[]): void => {
    open(at);
    if (changes.length > 0) last = Math.max(last + 1, at);
    for (const change of changes) change();
  };
  const put = (id: string, content: ModelRow, action: Stored['action'], counts: Counts) => (): void => {
    const before = rows.get(id);
    counts[action === 'ADDED' ? 'added' : 'updated'] += 1;
    const state = { isDeleted: false, isPruned: false, modified: last, seq: ++seq };
    rows.set(id, { content, action, firstSeen: before?.firstSeen ?? last, ...state });
  };
  const bury = (row: Stored, counts: Counts) => (): void => {
    counts.deleted += 1;
    Object.assign(row, { action: 'DELETED', isDeleted: true, modified: last, seq: ++seq });
  };
  const none = (): Counts => ({ added: 0, updated: 0, deleted: 0 });
  const live = (ids: readonly string[]) => ids.flatMap((id) => (rows.get(id)?.isDeleted === false ? [id] : []));

  return {
    save: (writer: string, batch: readonly ModelRow[], at: number): Counts => {
      const counts = none();
      meet(writer);
      const byId = lastOfEach(batch);
      const fresh = [...byId].filter(([id]) => !rows.has(id)).map(([id, row]) => put(id, row, 'ADDED', counts));
      const old = [...byId].flatMap(([id, row]) => {
        const before = rows.get(id);
        if (before === undefined) return [];
        if (before.isDeleted) return [put(id, row, 'ADDED', counts)];
        return isDeepStrictEqual(before.content, row) ? [] : [put(id, row, 'UPDATED', counts)];
      });
      write(at, [...fresh, ...old]);
      seen(writer, byId.keys());
      return counts;
    },
    update: (writer: string, batch: readonly ModelRow[], at: number): Counts => {
      const counts = none();
      meet(writer);
      const byId = lastOfEach(batch);
      const whole = live([...byId.keys()]).filter((id) => rows.get(id)?.isPruned === false);
      const changes = whole.flatMap((id) => {
        const before = rows.get(id)?.content;
        const merged = mergeJson(before, byId.get(id)) as ModelRow;
        return isDeepStrictEqual(before, merged) ? [] : [put(id, merged, 'UPDATED', counts)];
      });
      write(at, changes);
      seen(writer, whole);
      return counts;
    },
    remove: (writer: string, ids: readonly string[], at: number): Counts => {
      const counts = none();
      meet(writer);
      const gone = live([...new Set(ids)]).toSorted();
      write(
        at,
        gone.map((id) => bury(rows.get(id) as Stored, counts)),
      );
      return counts;
    },
    startTracking: (writer: string, at: number): void => {
      open(at);
      generation += 1;
      trackings.set(writer, generation);
    },
    compare: (writer: string, at: number): Counts => {
      const counts = none();
      const since = trackings.get(writer) ?? 0;
      const isAlone = !isShared && (first === undefined || first === writer);
      const isStale = (id: string): boolean => {
        const own = [...(claims.get(id) ?? [])];
        if (isAlone) return !own.some(([, when]) => when >= since);
        return own.some(([by, when]) => by === writer && when < since) && own.every(([by]) => by === writer);
      };
      const gone = live([...rows.keys()])
        .filter(isStale)
        .toSorted();
      write(
        at,
        gone.map((id) => bury(rows.get(id) as Stored, counts)),
      );
      for (const own of claims.values()) if ((own.get(writer) ?? since) < since) own.delete(writer);
      trackings.delete(writer);
      return counts;
    },
    empty: (writer: string, at: number): void => {
      open(at);
      if (!isShared && first !== undefined && first !== writer) return;
      for (const id of [...new Set([...rows.keys(), ...claims.keys()])]) {
        const own = claims.get(id);
        if (isShared && !own?.has(writer)) continue;
        own?.delete(writer);
        if (!isShared) own?.clear();
        if ((own?.size ?? 0) === 0) rows.delete(id);
      }
    },
    /** Prunes up to the row at that place in commit order. */
    prune: (place: number): void => {
      const ordered = [...rows.values()].toSorted((a, b) => a.seq - b.seq);
      for (const row of ordered.slice(0, place)) row.isPruned = true;
    },
    /** Rows in commit order. */
    read: () =>
      [...rows]
        .toSorted(([, a], [, b]) => a.seq - b.seq)
        .map(([id, { content, seq: _, ...row }]) => ({ ...row, content: row.isPruned ? { id } : content })),
    live: (): number => live([...rows.keys()]).length,
  };
}

/** Each id with its last row, at its last place. */
function lastOfEach(batch: readonly ModelRow[]): Map<string, ModelRow> {
  const byId = new Map<string, ModelRow>();
  for (const row of batch) {
    byId.delete(row.id);
    byId.set(row.id, row);
  }
  return byId;
}
