/** One host call's worth of records, checked and cleaned as production and dry runs alike do it. */
import { EngineError } from '../contract/failures.ts';
import { cleanJsonText, lastOfEachId, recordId } from './record-rules.ts';

export type RecordBatch = {
  readonly ids: readonly string[];
  /** The JSON text of each record; empty for a batch of ids alone. */
  readonly rows: readonly string[];
  /** What the author should hear: one line for each kind of thing. */
  readonly warnings: readonly string[];
};

/**
 * Ids as they are stored, and rows as Postgres takes them.
 * @param body JSON array with one row a line, or undefined for ids alone. The guest may send anything: it is checked.
 * @throws EngineError `record_invalid` naming the first record whose id cannot be one.
 */
export function readBatch(
  method: string,
  model: string,
  given: { readonly ids: readonly string[]; readonly body: string | undefined },
): RecordBatch {
  const what = `${method} of '${model}'`;
  const ids = given.ids.map((id, at) => idOf(id, `${what}: the id of record ${at + 1} of ${given.ids.length}`));
  if (given.body === undefined) return { ids, rows: [], warnings: [] };
  const clean = cleanJsonText(given.body);
  const rows = clean === '[]' ? [] : clean.slice(1, -1).split(',\n');
  if (rows.length !== ids.length || rows.some((row) => row.includes('\n'))) {
    throw new EngineError('record_invalid', `${what}: expected one row a line for each of ${ids.length} ids`);
  }
  const { duplicates } = lastOfEachId(ids);
  const warnings = [];
  if (duplicates.length > 0)
    warnings.push(`${what}: id '${duplicates[0]}' occurs more than once; the last of each is kept`);
  if (clean !== given.body || ids.some((id, at) => id !== given.ids[at]))
    warnings.push(
      `${what}: NUL characters were removed and lone surrogates replaced, which JSON in Postgres cannot hold`,
    );
  return { ids, rows, warnings };
}

function idOf(value: string, what: string): string {
  const read = recordId(value);
  if ('id' in read) return read.id;
  throw new EngineError('record_invalid', `${what} ${read.fault}`);
}
