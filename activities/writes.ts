import { EngineError } from '../contract/failures.ts';

/** What a script stores, in the order in which it did. `rows` is a JSON array as text, parsed by Postgres alone. */
export type Write =
  | { readonly kind: 'save'; readonly model: string; readonly ids: readonly string[]; readonly rows: string }
  | { readonly kind: 'delete'; readonly model: string; readonly ids: readonly string[] }
  | { readonly kind: 'checkpoint'; readonly value: string | null }
  | { readonly kind: 'metadata'; readonly metadata: Readonly<Record<string, unknown>>; readonly merge: boolean };

const MAX_ROWS = 5_000;

/**
 * Joins neighbouring saves of one model into one statement. Saves that share an id stay apart: joined, the first of
 * them would not be counted, and counts must not depend on where a flush happened to fall.
 */
export function mergeWrites(writes: readonly Write[]): Write[] {
  const merged: Write[] = [];
  let seen = new Set<string>();
  for (const write of writes) {
    const last = merged.at(-1);
    if (write.kind === 'save' && last?.kind === 'save' && canJoin(last, write, seen)) {
      merged[merged.length - 1] = join(last, write);
    } else {
      merged.push(write);
      seen = new Set();
    }
    if (write.kind === 'save') for (const id of write.ids) seen.add(id);
  }
  return merged;
}

type Save = Extract<Write, { kind: 'save' }>;

function canJoin(last: Save, next: Save, seen: ReadonlySet<string>): boolean {
  if (last.model !== next.model || last.ids.length + next.ids.length > MAX_ROWS) return false;
  return !next.ids.some((id) => seen.has(id));
}

function join(last: Save, next: Save): Save {
  if (last.ids.length === 0) return next;
  if (next.ids.length === 0) return last;
  const rows = `${last.rows.slice(0, -1)},${next.rows.slice(1)}`;
  return { ...last, ids: [...last.ids, ...next.ids], rows };
}

/** Names what Postgres refuses for its content (SQLSTATE classes 22 and 54), whoever tries again; throws anything else on. */
export function refusedRow(error: unknown, { model, ids }: Save): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!/^(22|54)/.test(code)) throw error;
  throw new EngineError(
    'record_invalid',
    `batchSave of '${model}': Postgres refuses one of the ${ids.length} rows from id '${ids[0]}' to '${ids.at(-1)}': ${(error as Error).message}`,
    { cause: error },
  );
}
