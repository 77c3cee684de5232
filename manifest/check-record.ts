import type { Model, ObjectType, TypeExpression } from './manifest.ts';
import { printType } from './typegen.ts';

/** `path` as in JavaScript: `assignee.name`, `tags[2]`; empty for the value itself. */
export type Difference = { readonly path: string; readonly expected: string; readonly got: string };

/**
 * Compares a value (as JSON carries it; a Date counts as its text) with a model or any other type. Keys the model does
 * not name are allowed. An empty answer means that it fits. Throws for a model that is not in `models`.
 */
export function checkRecord(value: unknown, type: TypeExpression, models: readonly Model[]): readonly Difference[] {
  return compare(value, type, '', new Map(models.map((model) => [model.name, model.type])));
}

type Models = ReadonlyMap<string, TypeExpression>;

function compare(value: unknown, type: TypeExpression, path: string, models: Models): Difference[] {
  switch (type.kind) {
    case 'model': {
      const target = models.get(type.name);
      if (target === undefined) throw new RangeError(`model '${type.name}' is not among the models of the manifest`);
      return compare(value, target, path, models);
    }
    case 'array':
      if (!Array.isArray(value)) return [difference(value, type, path)];
      return value.flatMap((item, index) => compare(item, type.element, `${path}[${index}]`, models));
    case 'union':
      return compareUnion(value, type.members, path, models) ? [] : [difference(value, type, path)];
    case 'object':
      if (!isRecord(value)) return [difference(value, type, path)];
      return compareObject(value, type, path, models);
    case 'literal':
      return value === type.value ? [] : [difference(value, type, path)];
    case 'primitive':
      return isPrimitive(value, type.name) ? [] : [difference(value, type, path)];
    default:
      return type satisfies never;
  }
}

function compareUnion(value: unknown, members: readonly TypeExpression[], path: string, models: Models): boolean {
  return members.some((member) => compare(value, member, path, models).length === 0);
}

function compareObject(value: Record<string, unknown>, type: ObjectType, path: string, models: Models): Difference[] {
  const named = type.fields.flatMap((field) => {
    const member = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
    if (member === undefined && field.optional) return [];
    return compare(member, field.type, join(path, field.name), models);
  });
  const index = type.index;
  if (index === undefined) return named;
  const names = new Set(type.fields.map((field) => field.name));
  const others = Object.entries(value).filter(([key]) => !names.has(key));
  return [...named, ...others.flatMap(([key, member]) => compare(member, index, join(path, key), models))];
}

function isPrimitive(value: unknown, name: Extract<TypeExpression, { kind: 'primitive' }>['name']): boolean {
  switch (name) {
    case 'any':
    case 'unknown':
      return true;
    case 'null':
      return value === null;
    case 'undefined':
    case 'void':
      return value === undefined;
    case 'never':
      return false;
    case 'date':
      return value instanceof Date
        ? !Number.isNaN(value.getTime())
        : typeof value === 'string' && !Number.isNaN(Date.parse(value));
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'string':
    case 'boolean':
    case 'bigint':
      return typeof value === name;
    default:
      return name satisfies never;
  }
}

function difference(value: unknown, type: TypeExpression, path: string): Difference {
  return { path, expected: printType(type).replace(/\s+/g, ' '), got: describeValue(value) };
}

// Values are author's or customer's data: short ones are shown, long ones only by kind.
function describeValue(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string')
    return value.length > 60 ? `a text of ${value.length} characters` : JSON.stringify(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function join(path: string, key: string): string {
  if (!/^[a-zA-Z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}
