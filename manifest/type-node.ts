import { isMap, isScalar, isSeq } from 'yaml';
import type { Node, Scalar } from 'yaml';
import type { Entry, Source } from './document.ts';
import { describe, entriesOf, offsetOf, reject, resolve, scalarText, warn } from './document.ts';
import type { Field, ObjectType, TypeExpression } from './manifest.ts';
import { MAX_TYPE_DEPTH, parseType, unionOf } from './model.ts';

// Aliases that repeat aliases grow without end; nobody writes this many types.
const MAX_TYPES = 100_000;
const UNREAD: TypeExpression = { kind: 'primitive', name: 'any' };

/** What type nodes are read against: the models there are, and what an inherited model looks like. */
export type Models = {
  readonly has: (name: string) => boolean;
  /** The type of a model; undefined (and a mistake at `offset`) when it inherits from itself or is none. */
  readonly typeOf: (name: string, offset: number) => TypeExpression | undefined;
  /** Types read so far. */
  readonly budget: Budget;
};

type Budget = { left: number; exceeded: boolean };

/** A fresh allowance of types for one document. */
export function typeBudget(): Budget {
  return { left: MAX_TYPES, exceeded: false };
}

/** `words`: what an unknown word means. In models it is a text literal (with a warning), elsewhere a model that is missing. */
export type Reading = { readonly source: Source; readonly models: Models; readonly words: 'literal' | 'mistake' };

/**
 * Reads a type written in YAML: a text in the model language, a nested mapping, or a list (an array of its members).
 * `what` names it in messages. Undefined after a mistake.
 */
export function readType(
  reading: Reading,
  node: Node | null,
  what: string,
  offset: number,
  depth = 0,
): TypeExpression | undefined {
  const { source, models } = reading;
  const value = resolve(source, node);
  const place = offsetOf(value, offset);
  if (depth > MAX_TYPE_DEPTH || !spend(models.budget, 1)) {
    // Said once: every further node would say it again.
    if (!models.budget.exceeded)
      reject(source, place, `${shorten(what)} is nested too deeply or repeated too often: expected a smaller type`);
    models.budget.exceeded = true;
    return undefined;
  }
  if (isMap(value)) return readObject(reading, entriesOf(source, value, what, place) ?? [], what, depth);
  if (isSeq(value)) return readList(reading, value.items as Node[], what, place, depth);
  if (!isScalar(value) || scalarText(value) === '') {
    reject(
      source,
      place,
      `${what} is ${describe(value)}: expected a type, for example 'string', 'Task[]' or 'string | null'`,
      'type_syntax_error',
    );
    return undefined;
  }
  return readScalar(reading, value, what, place);
}

function spend(budget: Budget, amount: number): boolean {
  budget.left -= amount;
  return budget.left >= 0;
}

function readScalar(reading: Reading, node: Scalar, what: string, offset: number): TypeExpression | undefined {
  const text = scalarText(node);
  const parsed = parseType(text, reading.models.has);
  if ('fault' in parsed) {
    // Only a plain scalar on one line stands in the file character for character.
    const inside = node.type === 'PLAIN' && !text.includes('\n') ? parsed.offset : 0;
    reject(reading.source, offset + inside, `${what} '${shorten(text)}': ${parsed.fault}`, 'type_syntax_error');
    return undefined;
  }
  for (const word of parsed.literals) {
    if (reading.words === 'literal')
      warn(
        reading.source,
        offset,
        `${what}: '${shorten(word)}' is neither a type nor a model and is taken as the text '${shorten(word)}'`,
        'model_not_found_fallback',
      );
    else {
      const message = `${what} '${shorten(word)}': expected a type or the name of a model`;
      reject(reading.source, offset, message, 'model_not_found');
    }
  }
  return parsed.type;
}

function readList(
  reading: Reading,
  items: readonly Node[],
  what: string,
  offset: number,
  depth: number,
): TypeExpression | undefined {
  if (items.length === 0)
    reject(
      reading.source,
      offset,
      `${what} is an empty list: expected the type of its members`,
      'failed_to_parse_array',
    );
  const members = items.map((item) => readType(reading, item, what, offset, depth + 1));
  const known = members.filter((member) => member !== undefined);
  return known.length === 0 ? undefined : { kind: 'array', element: unionOf(known) };
}

function readObject(reading: Reading, entries: readonly Entry[], what: string, depth: number): ObjectType {
  const own = new Map<string, Field>();
  let inherited: ObjectType[] = [];
  let index: TypeExpression | undefined;
  for (const entry of entries) {
    if (entry.key === '__extends') inherited = readParents(reading, entry, what);
    else if (entry.key === '__string')
      index = readType(reading, entry.value, `${what}, __string`, entry.offset, depth + 1);
    else {
      const field = readField(reading, entry, what, depth);
      own.set(field.name, field);
    }
  }
  const fields = new Map([
    ...inherited.flatMap((parent) => parent.fields).map((field) => [field.name, field] as const),
    ...own,
  ]);
  index ??= inherited.find((parent) => parent.index !== undefined)?.index;
  return { kind: 'object', fields: [...fields.values()], ...(index === undefined ? {} : { index }) };
}

function readField(reading: Reading, entry: Entry, what: string, depth: number): Field {
  const marked = entry.key.endsWith('?');
  const name = marked ? entry.key.slice(0, -1) : entry.key;
  const type = readType(
    reading,
    entry.value,
    depth === 0 ? `field '${name}' of ${what}` : `${what}, field '${name}'`,
    entry.offset,
    depth + 1,
  );
  // A field whose type cannot be read still exists: nobody is told that the model lacks it.
  return { name, type: type ?? UNREAD, optional: marked || (type !== undefined && admitsUndefined(type)) };
}

// `T | undefined` and `key?: T` mean the same thing: a key that may be missing.
function admitsUndefined(type: TypeExpression): boolean {
  if (type.kind === 'union') return type.members.some(admitsUndefined);
  return type.kind === 'primitive' && type.name === 'undefined';
}

function readParents(reading: Reading, entry: Entry, what: string): ObjectType[] {
  const { source, models } = reading;
  const items = isSeq(entry.value) ? (entry.value.items as Node[]) : [entry.value];
  const names = items
    .flatMap((item) => (isScalar(item) ? scalarText(item).split(',') : ['']))
    .map((name) => name.trim());
  const place = offsetOf(entry.value, entry.offset);
  return names.flatMap((name) => {
    if (!models.has(name)) {
      const message = `__extends of ${what} '${shorten(name)}': expected the name of a model of this file`;
      reject(source, place, message, 'model_extends_not_found');
      return [];
    }
    const type = models.typeOf(name, place);
    if (type === undefined) return [];
    if (type.kind === 'object') return spend(models.budget, type.fields.length) ? type : [];
    reject(source, place, `__extends of ${what} '${name}': expected a model with fields`);
    return [];
  });
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
