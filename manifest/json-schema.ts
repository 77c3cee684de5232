import type { Model, ObjectType, PrimitiveName, TypeExpression } from './manifest.ts';
import { reachableModels } from './model-usage.ts';

/** A JSON Schema of draft 7, as plain JSON. */
export type JsonSchema = { readonly [key: string]: unknown };
export type ModelsSchema = {
  readonly $schema: string;
  readonly definitions: Readonly<Record<string, JsonSchema>>;
};

const DRAFT_7 = 'http://json-schema.org/draft-07/schema#';

/**
 * The models as JSON Schema: what `schema.json` holds. Keys a model does not name are allowed, as in record checks. A
 * `date` is ISO text. Where an author gave a schema of their own (zero-yaml), that one is kept.
 */
export function modelsSchema(models: readonly Model[]): ModelsSchema {
  const definitions = models.map((model) => [model.name, definitionOf(model)] as const);
  return { $schema: DRAFT_7, definitions: Object.fromEntries(definitions) };
}

/** As `modelsSchema`, for the given models and those that they mention: what a deployment sends with one script. */
export function scriptSchema(models: readonly Model[], names: readonly string[]): ModelsSchema {
  const reached = reachableModels(names, models);
  return modelsSchema(models.filter((model) => reached.has(model.name)));
}

/** One type as JSON Schema; models in it are references to `#/definitions/<model>`. */
export function typeSchema(type: TypeExpression): JsonSchema {
  switch (type.kind) {
    case 'primitive':
      return primitiveSchema(type.name);
    case 'literal':
      return { type: typeof type.value, const: type.value };
    case 'model':
      return { $ref: `#/definitions/${type.name}` };
    case 'array':
      return { type: 'array', items: typeSchema(type.element) };
    case 'union':
      return unionSchema(type.members);
    case 'object':
      return objectSchema(type);
    default:
      return type satisfies never;
  }
}

function definitionOf(model: Model): JsonSchema {
  return isSchema(model.schema) ? model.schema : typeSchema(model.type);
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function primitiveSchema(name: PrimitiveName): JsonSchema {
  switch (name) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return { type: name };
    case 'bigint':
      return { type: 'integer' };
    case 'date':
      return { type: 'string', format: 'date-time' };
    // JSON has no undefined; an answer without a value arrives as null.
    case 'undefined':
    case 'void':
      return { type: 'null' };
    case 'never':
      return { not: {} };
    case 'any':
    case 'unknown':
      return {};
    default:
      return name satisfies never;
  }
}

/** Literals of one kind are an enum, plain kinds a list of types, anything else alternatives. */
function unionSchema(members: readonly TypeExpression[]): JsonSchema {
  const schemas = members.map(typeSchema);
  if (schemas.some((schema) => Object.keys(schema).length === 0)) return {};
  const literals = members.flatMap((member) => (member.kind === 'literal' ? [member.value] : []));
  const others = schemas.filter((_, index) => members[index]?.kind !== 'literal');
  const enums = [...Map.groupBy(literals, (value) => typeof value)].map(([type, values]) => ({ type, enum: values }));
  const alternatives = mergePlain([...enums, ...others]);
  const only = alternatives[0];
  return alternatives.length === 1 && only !== undefined ? only : { anyOf: alternatives };
}

function mergePlain(schemas: readonly JsonSchema[]): readonly JsonSchema[] {
  const plain = [...new Set(schemas.filter(isPlain).map((schema) => schema['type']))];
  const rest = schemas.filter((schema) => !isPlain(schema));
  if (plain.length === 0) return rest;
  return [...rest, { type: plain.length === 1 ? plain[0] : plain }];
}

function isPlain(schema: JsonSchema): boolean {
  return typeof schema['type'] === 'string' && Object.keys(schema).length === 1;
}

function objectSchema(type: ObjectType): JsonSchema {
  const properties = type.fields.map((field) => [field.name, typeSchema(presentType(field.type))] as const);
  const required = type.fields.filter((field) => !field.optional).map((field) => field.name);
  return {
    type: 'object',
    // Not an object literal: a field may be called `__proto__`.
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(required.length === 0 ? {} : { required }),
    ...(type.index === undefined ? {} : { additionalProperties: typeSchema(presentType(type.index)) }),
  };
}

/** In an object a key without a value is left out, so `T | undefined` is `T`. */
function presentType(type: TypeExpression): TypeExpression {
  if (type.kind !== 'union') return type;
  const members = type.members.filter((member) => !(member.kind === 'primitive' && member.name === 'undefined'));
  const only = members[0];
  if (members.length === 1 && only !== undefined) return only;
  return members.length === 0 ? type : { kind: 'union', members };
}
