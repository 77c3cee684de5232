/** The longest id of a record, in characters (facts: section 10). */
const MAX_ID_LENGTH = 255;

/**
 * The text by which a record is told apart: `7` and `'7'` are the same record. A fault is worded to follow
 * `id of record 3 in 'Task'`. Characters Postgres cannot keep are replaced as in the record itself.
 */
export function recordId(value: unknown): { readonly id: string } | { readonly fault: string } {
  if (typeof value !== 'string' && typeof value !== 'number')
    return { fault: `is ${kindOf(value)}: expected a text or a number` };
  if (typeof value === 'number' && !Number.isFinite(value)) return { fault: `is ${value}: expected a finite number` };
  const id = String(value).replaceAll('\u0000', '').toWellFormed();
  if (id === '') return { fault: 'is empty: expected at least one character' };
  // Characters are code points, as Postgres counts them; spreading is only needed near the limit.
  const length = id.length > MAX_ID_LENGTH ? [...id.slice(0, 2 * MAX_ID_LENGTH + 2)].length : id.length;
  return length > MAX_ID_LENGTH
    ? { fault: `has more than ${MAX_ID_LENGTH} characters: expected a shorter id` }
    : { id };
}

/**
 * Which rows of one batch count when an id occurs more than once: the last one of each id. `positions` are the indexes
 * to keep, in ascending order; `duplicates` are the ids that occurred more than once, each named once.
 */
export function lastOfEachId(ids: readonly string[]): {
  readonly positions: readonly number[];
  readonly duplicates: readonly string[];
} {
  const last = new Map(ids.map((id, position) => [id, position]));
  if (last.size === ids.length) return { positions: [...ids.keys()], duplicates: [] };
  const dropped = ids.filter((id, position) => last.get(id) !== position);
  return { positions: [...last.values()].toSorted((a, b) => a - b), duplicates: [...new Set(dropped)] };
}

/** The row without `_nango_metadata`, which rows read from the engine carry and which is never saved back. */
export function withoutMetadata(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!Object.hasOwn(row, '_nango_metadata')) return row;
  const { _nango_metadata: _dropped, ...rest } = row;
  return rest;
}

const NEEDS_CLEANING = /\\u(?:0000|[dD][89a-fA-F])/;
// In this order: a pair of surrogates, a NUL, a lone surrogate, any other escape. The last keeps `\\u0000`, a backslash
// followed by text, from being taken for an escape.
const ESCAPES =
  /(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(\\u0000)|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\./gs;

/**
 * JSON text that Postgres takes as `jsonb`: NUL characters are removed and lone surrogates become U+FFFD. The text is
 * not parsed, so numbers stay as they were written; clean text is returned as it is.
 */
export function cleanJsonText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  if (!NEEDS_CLEANING.test(wellFormed)) return wellFormed;
  return wellFormed.replace(ESCAPES, (whole, pair, nul, lone) => {
    if (pair !== undefined) return whole;
    if (nul !== undefined) return '';
    return lone === undefined ? whole : '\\ufffd';
  });
}

/**
 * A value with a patch merged into it: objects by key at any depth, everything else is replaced. What Postgres does with
 * stored records (`merge_json`), for runs that store nothing.
 */
export function mergeJson(target: unknown, patch: unknown): unknown {
  if (!isObject(target) || !isObject(patch)) return patch;
  const merged = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    merged.set(key, merged.has(key) ? mergeJson(merged.get(key), value) : value);
  }
  return Object.fromEntries(merged);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`;
}
