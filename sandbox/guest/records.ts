/** `batchSave`, `batchUpdate` and `batchDelete`: every row is checked here, beside the author's line, before anything is sent. */
import { hostCall } from './calls.ts';
import { codedError } from './errors.ts';
import type { RecordRules } from './record-rules.ts';
import { noteSave } from './tracking.ts';

/** Each message once: they are looked up by it. */
const failures = new Map<string, Error>();
const MAX_FAILURES = 1_000;
let latest: Error | undefined;

type Row = { readonly id: string; readonly json: string };

/** Saves rows by id. Resolves to true; rejects with `record_invalid` naming row and reason before any of them is sent. */
export function saveRecords(rules: RecordRules, method: string, rows: unknown, model: unknown): Promise<true> {
  return remembered(sendRows('saveRecords', rules, method, rows, model));
}

/** Merges parts of rows into the rows that are stored, by id. */
export function updateRecords(rules: RecordRules, method: string, rows: unknown, model: unknown): Promise<true> {
  return remembered(sendRows('updateRecords', rules, method, rows, model));
}

/** Marks rows as deleted; only their ids matter. */
export function deleteRecords(rules: RecordRules, method: string, rows: unknown, model: unknown): Promise<true> {
  return remembered(sendIds(rules, method, rows, model));
}

/** The guest is entered anew: what is refused from here on may be what the host hears of at the end of this entry. */
export function beginEntry(): void {
  latest = undefined;
}

/**
 * The failed save that a rejection with that message means. Of several promises left rejected at once the host hears
 * only of the first: where a save failed in the same entry, it may be hidden behind another one.
 */
export function failedSave(message: string): Error | undefined {
  return failures.get(message) ?? latest;
}

async function remembered(write: Promise<true>): Promise<true> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof Error) {
      latest = error;
      if (failures.size < MAX_FAILURES) failures.set(error.message, error);
    }
    throw error;
  }
}

async function sendRows(
  kind: 'saveRecords' | 'updateRecords',
  rules: RecordRules,
  method: string,
  rows: unknown,
  model: unknown,
): Promise<true> {
  const checked = checkBatch(rules, method, rows, model, rowOf);
  noteSave(rules, method, model as string);
  for (const chunk of chunksOf(checked, rules.maxChunk)) {
    // One row a line, which JSON text never breaks: the host tells them apart without parsing them.
    const body = `[${chunk.map((row) => row.json).join(',\n')}]`;
    await hostCall(kind, { model, ids: chunk.map((row) => row.id) }, body);
  }
  return true;
}

async function sendIds(rules: RecordRules, method: string, rows: unknown, model: unknown): Promise<true> {
  const checked = checkBatch(rules, method, rows, model, (row, place) => ({ id: idOf(row, place), json: '' }));
  for (const chunk of chunksOf(checked, rules.maxChunk)) {
    await hostCall('deleteRecords', { model, ids: chunk.map((row) => row.id) });
  }
  return true;
}

function checkBatch(
  rules: RecordRules,
  method: string,
  rows: unknown,
  model: unknown,
  check: (row: unknown, place: string, maxChunk: number) => Row,
): Row[] {
  const call = `nango.${method}`;
  if (rules.kind === 'action') throw invalid(`${call} in action '${rules.scriptName}': only syncs save records.`);
  if (typeof model !== 'string' || rules.models?.includes(model) === false) {
    const declared = (rules.models ?? []).map((name) => `'${name}'`).join(', ') || 'none';
    throw invalid(
      `${call} of model '${printed(model)}' in sync '${rules.scriptName}': a declared model is expected (${declared}).`,
    );
  }
  if (!Array.isArray(rows)) {
    throw invalid(
      `${call} of model '${model}' in sync '${rules.scriptName}': an array of records is expected, not ${kindOf(rows)}.`,
    );
  }
  const checked: Row[] = [];
  for (let at = 0; at < rows.length; at++) {
    checked.push(check(rows[at], `${call}: record ${at + 1} of ${rows.length} of model '${model}'`, rules.maxChunk));
  }
  return checked;
}

function rowOf(row: unknown, place: string, maxChunk: number): Row {
  const id = idOf(row, place);
  const named = `${place} (id '${id}')`;
  let json: string | undefined;
  try {
    json = JSON.stringify(withoutMetadata(row as object));
  } catch (error) {
    throw invalid(`${named} cannot be written as JSON${whereNot(row)}: ${reasonOf(error)}`);
  }
  if (json === undefined || json[0] !== '{') throw invalid(`${named} is no JSON object once its toJSON was called.`);
  if (json.length > maxChunk) {
    throw invalid(`${named} has ${json.length} characters of JSON: at most ${maxChunk} are expected.`);
  }
  return { id, json };
}

function idOf(row: unknown, place: string): string {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw invalid(`${place} is ${kindOf(row)}: an object with an id is expected.`);
  }
  const { id } = row as { id?: unknown };
  if (typeof id === 'string' && id !== '') return id;
  if (typeof id === 'number' && Number.isFinite(id)) return String(id);
  throw invalid(`${place} has the id ${printed(id)}: a text that is not empty or a finite number is expected.`);
}

function withoutMetadata(row: object): object {
  if (!Object.hasOwn(row, '_nango_metadata')) return row;
  const { _nango_metadata: _, ...rest } = row as Record<string, unknown>;
  return rest;
}

function* chunksOf(rows: readonly Row[], maxChunk: number): Generator<Row[]> {
  let chunk: Row[] = [];
  let size = 0;
  for (const row of rows) {
    const rowSize = row.json.length + row.id.length + 5;
    if (chunk.length > 0 && size + rowSize > maxChunk) {
      yield chunk;
      chunk = [];
      size = 0;
    }
    chunk.push(row);
    size += rowSize;
  }
  if (chunk.length > 0) yield chunk;
}

/** Where in the row the value sits that JSON refuses: ' at owner.tags.0', or nothing when it cannot be told. */
function whereNot(row: unknown): string {
  try {
    const path = pathOf(row, [], []);
    return path === undefined ? '' : ` at '${path.join('.')}'`;
  } catch {
    return '';
  }
}

function pathOf(value: unknown, path: readonly string[], parents: readonly unknown[]): readonly string[] | undefined {
  if (typeof value === 'bigint' || parents.includes(value)) return path;
  if (typeof value !== 'object' || value === null || path.length > 100) return undefined;
  for (const [key, member] of Object.entries(value)) {
    const found = pathOf(member, [...path, key], [...parents, value]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? message;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function printed(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || value === undefined ? String(value) : kindOf(value);
}

function invalid(message: string): Error {
  return codedError('record_invalid', message);
}
