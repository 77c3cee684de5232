import type { MergingStrategy } from '../contract/host.ts';
import type { Violation } from '../contract/violation.ts';

/** What a script stores, in the order in which it did. Each of `rows` is the JSON text of one record. */
export type Write =
  | RowsWrite
  | { readonly kind: 'delete'; readonly model: string; readonly ids: readonly string[] }
  | { readonly kind: 'strategy'; readonly model: string; readonly strategy: MergingStrategy }
  | { readonly kind: 'violations'; readonly violations: readonly Violation[] }
  | { readonly kind: 'checkpoint'; readonly value: string | null }
  | { readonly kind: 'metadata'; readonly metadata: Readonly<Record<string, unknown>>; readonly merge: boolean };

export type RowsWrite = {
  readonly kind: 'save' | 'update';
  readonly model: string;
  readonly ids: readonly string[];
  readonly rows: readonly string[];
};

const MAX_ROWS = 5_000;
const MAX_CHARACTERS = 16 * 1024 * 1024;

/**
 * Joins neighbouring writes of one kind and model into one statement. Writes that share an id stay apart: joined, the
 * first of them would not be counted, and counts must not depend on where a flush happened to fall.
 */
export function mergeWrites(writes: readonly Write[]): Write[] {
  const merged: Write[] = [];
  let open: OpenWrite | undefined;
  for (const write of writes) {
    if (write.kind !== 'save' && write.kind !== 'update') {
      open = undefined;
      merged.push(write);
    } else if (open === undefined || !tryJoin(open, write)) {
      open = openWrite(write);
      merged.push(open);
    }
  }
  return merged;
}

type OpenWrite = RowsWrite & {
  readonly ids: string[];
  readonly rows: string[];
  readonly seen: Set<string>;
  characters: number;
};

function openWrite(write: RowsWrite): OpenWrite {
  const { ids, rows } = write;
  return { ...write, ids: [...ids], rows: [...rows], seen: new Set(ids), characters: sizeOf(rows) };
}

function tryJoin(open: OpenWrite, next: RowsWrite): boolean {
  const characters = sizeOf(next.rows);
  if (open.kind !== next.kind || open.model !== next.model) return false;
  if (open.ids.length + next.ids.length > MAX_ROWS || open.characters + characters > MAX_CHARACTERS) return false;
  if (next.ids.some((id) => open.seen.has(id))) return false;
  open.ids.push(...next.ids);
  open.rows.push(...next.rows);
  for (const id of next.ids) open.seen.add(id);
  open.characters += characters;
  return true;
}

/** Characters of all rows together. */
export function sizeOf(rows: readonly string[]): number {
  return rows.reduce((sum, row) => sum + row.length, 0);
}
