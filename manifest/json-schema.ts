/** Models as JSON Schema (draft 7), for tools and for the server that checks records. Pure. */
import type {
  Field,
  JsonSchema,
  Model,
  ObjectType,
  PrimitiveName,
  SchemaDocument,
  TypeExpression,
} from './manifest.ts';
import { modelsIn } from './model-section.ts';
import { reachableModels } from './model-warnings.ts';

/** The file of all models that `nango generate` writes, relative to the project's folder. */
export const SCHEMA_FILE = '.nango/schema.json';
const DRAFT = 'http://json-schema.org/draft-07/schema#';

/** All these models; `extra` are types without a name in the file, such as the input `string[]` of an action. */
export function schemaDocument(
  models: readonly Model[],
  extra: readonly (readonly [name: string, type: TypeExpression])[] = [],
): SchemaDocument {
  const own = models.map((model) => [model.name, schemaOf(model.type)] as const);
  const others = extra.map(([name, type]) => [name, schemaOf(type)] as const);
  return { $schema: DRAFT, definitions: Object.fromEntries([...own, ...others]) };
}

/** The part of it that a script needs which names these models and types. */
export function schemaOfScript(
  models: readonly Model[],
  names: readonly string[],
  extra: readonly (readonly [name: string, type: TypeExpression])[],
): SchemaDocument {
  const needed = reachableModels(models, [...names, ...extra.flatMap(([, type]) => modelsIn(type))]);
  return schemaDocument(
    models.filter((model) => needed.has(model.name)),
    extra,
  );
}

/** One type. Models in it are references into `definitions`. */
export function schemaOf(type: TypeExpression): JsonSchema {
  switch (type.kind) {
    case 'primitive':
      return primitive(type.name);
    case 'literal':
      return { type: typeof type.value, const: type.value };
    case 'model':
      return { $ref: `#/definitions/${type.name}` };
    case 'array':
      return { type: 'array', items: schemaOf(type.element) };
    case 'union':
      return unionSchema(type.members);
    case 'object':
      return objectSchema(type);
    default:
      return type satisfies never;
  }
}

function primitive(name: PrimitiveName): JsonSchema {
  switch (name) {
    case 'any':
    case 'unknown':
      return {};
    case 'date':
      return { type: 'string', format: 'date-time' };
    case 'bigint':
      return { type: 'integer' };
    // JSON has nothing that is absent: what may be missing is not listed in `required`, alone it is null.
    case 'void':
    case 'undefined':
    case 'null':
      return { type: 'null' };
    case 'never':
      return { not: {} };
    default:
      return { type: name };
  }
}

function unionSchema(members: readonly TypeExpression[]): JsonSchema {
  const present = members.filter((member) => !isUndefined(member));
  const [only] = present;
  if (only === undefined) return { type: 'null' };
  if (present.length === 1) return schemaOf(only);
  const literals = present.flatMap((member) => (member.kind === 'literal' ? [member.value] : []));
  if (literals.length === present.length) {
    const types = [...new Set(literals.map((value) => typeof value))];
    return { type: types.length === 1 ? types[0] : types, enum: literals };
  }
  const simple = present.flatMap((member) => (member.kind === 'primitive' ? [primitive(member.name)] : []));
  const plain = simple.every((schema) => typeof schema['type'] === 'string' && Object.keys(schema).length === 1);
  if (simple.length === present.length && plain) return { type: [...new Set(simple.map((schema) => schema['type']))] };
  return { anyOf: present.map(schemaOf) };
}

function objectSchema(type: ObjectType): JsonSchema {
  const required = type.fields.filter((field) => !field.optional).map((field) => field.name);
  return {
    type: 'object',
    ...(type.fields.length === 0 ? {} : { properties: Object.fromEntries(type.fields.map(property)) }),
    ...(required.length === 0 ? {} : { required }),
    // A record may carry more than its model names, as everywhere in the engine.
    ...(type.index === undefined ? {} : { additionalProperties: schemaOf(type.index) }),
  };
}

function property(field: Field): [string, JsonSchema] {
  return [field.name, schemaOf(field.type)];
}

function isUndefined(type: TypeExpression): boolean {
  return type.kind === 'primitive' && (type.name === 'undefined' || type.name === 'void');
}
