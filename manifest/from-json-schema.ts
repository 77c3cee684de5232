import type { JsonSchema } from './json-schema.ts';
import type { Field, ObjectType, TypeExpression } from './manifest.ts';
import { MAX_TYPE_DEPTH, unionOf } from './model.ts';

// More than anybody's model has; what would be read without end stops here.
const MAX_PARTS = 20_000;
const ANY: TypeExpression = { kind: 'primitive', name: 'any' };
const NULL: TypeExpression = { kind: 'primitive', name: 'null' };

export type ReadSchema = { readonly type: TypeExpression } | { readonly fault: string };

/**
 * A JSON Schema (draft 7, 2019-09 or 2020-12, as zod writes them) as a type of the model language. What the language
 * cannot say (patterns, ranges, conditions) is left out, so the type takes at least what the schema takes. `refer`
 * names the model behind a `$ref`; undefined for one that leads nowhere. A fault is worded to follow
 * `<what>: `. Never throws.
 */
export function typeOfSchema(schema: unknown, refer: (reference: string) => string | undefined): ReadSchema {
  const reader: Reader = { refer, left: MAX_PARTS, fault: undefined };
  const type = read(reader, schema, 0);
  return reader.fault === undefined ? { type } : { fault: reader.fault };
}

type Reader = {
  readonly refer: (reference: string) => string | undefined;
  left: number;
  fault: string | undefined;
};

function read(reader: Reader, schema: unknown, depth: number): TypeExpression {
  reader.left -= 1;
  if (depth > MAX_TYPE_DEPTH || reader.left < 0) return fail(reader, 'the schema is nested too deeply or too large');
  if (schema === undefined || schema === true) return ANY;
  if (schema === false) return { kind: 'primitive', name: 'never' };
  if (!isRecord(schema)) return fail(reader, `expected a JSON Schema, found ${describeJson(schema)}`);
  const type = readKeywords(reader, schema, depth);
  return schema['nullable'] === true ? unionOf([type, NULL]) : type;
}

function readKeywords(reader: Reader, schema: JsonSchema, depth: number): TypeExpression {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    const name = reader.refer(reference);
    return name === undefined
      ? fail(reader, `reference '${reference.slice(0, 80)}' leads nowhere`)
      : { kind: 'model', name };
  }
  if (Object.hasOwn(schema, 'const')) return literal(schema['const']);
  if (Array.isArray(schema['enum'])) return schema['enum'].length === 0 ? ANY : unionOf(schema['enum'].map(literal));
  const alternatives = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(alternatives) && alternatives.length > 0)
    return simplest(alternatives.map((one) => read(reader, one, depth + 1)));
  if (Array.isArray(schema['allOf']) && schema['allOf'].length > 0) return readAll(reader, schema, depth);
  if (isRecord(schema['not']) && Object.keys(schema['not']).length === 0) return { kind: 'primitive', name: 'never' };
  const types = Array.isArray(schema['type']) ? schema['type'] : [schema['type'] ?? impliedType(schema)];
  return simplest(types.map((type) => readNamed(reader, schema, type, depth)));
}

function readNamed(reader: Reader, schema: JsonSchema, type: unknown, depth: number): TypeExpression {
  switch (type) {
    case 'string':
      return { kind: 'primitive', name: schema['format'] === 'date-time' ? 'date' : 'string' };
    case 'number':
    case 'integer':
      return { kind: 'primitive', name: 'number' };
    case 'boolean':
      return { kind: 'primitive', name: 'boolean' };
    case 'null':
      return NULL;
    case 'array':
      return readArray(reader, schema, depth);
    case 'object':
      return readObject(reader, schema, depth);
    case undefined:
      return ANY;
    default:
      return fail(reader, `type ${describeJson(type)} is none of JSON Schema`);
  }
}

function readArray(reader: Reader, schema: JsonSchema, depth: number): TypeExpression {
  const listed = [schema['prefixItems'], schema['items']].find(Array.isArray);
  const rest = Array.isArray(schema['items']) ? schema['additionalItems'] : schema['items'];
  if (listed === undefined) return { kind: 'array', element: read(reader, rest, depth + 1) };
  const members = listed.map((item) => read(reader, item, depth + 1));
  // A tuple that says nothing of further members is closed in practice: zod leaves the keyword out.
  const more = rest === undefined || rest === false ? [] : [read(reader, rest, depth + 1)];
  const all = [...members, ...more];
  return { kind: 'array', element: all.length === 0 ? ANY : simplest(all) };
}

function readObject(reader: Reader, schema: JsonSchema, depth: number): ObjectType {
  const properties = isRecord(schema['properties']) ? Object.entries(schema['properties']) : [];
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  const fields = properties.map(
    ([name, value]): Field => ({ name, type: read(reader, value, depth + 1), optional: !required.has(name) }),
  );
  const patterns = isRecord(schema['patternProperties']) ? Object.values(schema['patternProperties']) : [];
  const open = schema['additionalProperties'];
  const others = [...patterns, ...(open === undefined || open === false ? [] : [open])];
  if (others.length === 0) return { kind: 'object', fields };
  return { kind: 'object', fields, index: simplest(others.map((one) => read(reader, one, depth + 1))) };
}

/** Objects become one with all fields; of anything else the first that says something counts. */
function readAll(reader: Reader, schema: JsonSchema, depth: number): TypeExpression {
  const { allOf, ...own } = schema;
  const parts = (allOf as unknown[]).map((part) => read(reader, part, depth + 1));
  if (impliedType(own) !== undefined || own['type'] !== undefined) parts.push(readKeywords(reader, own, depth + 1));
  const objects = parts.filter((part) => part.kind === 'object');
  const telling = parts.filter((part) => !isAny(part));
  if (objects.length === 0 || objects.length < telling.length) return telling[0] ?? ANY;
  const fields = new Map(objects.flatMap((part) => part.fields).map((field) => [field.name, field]));
  const index = objects.find((part) => part.index !== undefined)?.index;
  return { kind: 'object', fields: [...fields.values()], ...(index === undefined ? {} : { index }) };
}

/** A union in which `any` swallows the rest. */
function simplest(members: readonly TypeExpression[]): TypeExpression {
  return members.find(isAny) ?? unionOf(members);
}

function literal(value: unknown): TypeExpression {
  if (value === null) return NULL;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return { kind: 'literal', value };
  return ANY;
}

function isAny(type: TypeExpression): boolean {
  return type.kind === 'primitive' && (type.name === 'any' || type.name === 'unknown');
}

function impliedType(schema: JsonSchema): string | undefined {
  if (['properties', 'additionalProperties', 'patternProperties'].some((key) => Object.hasOwn(schema, key)))
    return 'object';
  return Object.hasOwn(schema, 'items') || Object.hasOwn(schema, 'prefixItems') ? 'array' : undefined;
}

function fail(reader: Reader, fault: string): TypeExpression {
  reader.fault ??= fault;
  return ANY;
}

function describeJson(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : `'${String(value).slice(0, 60)}'`;
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
