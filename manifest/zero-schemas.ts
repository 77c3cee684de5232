import type { JsonSchema, SchemaDocument } from './manifest.ts';

export type ModelSchema = { readonly name: string; readonly schema: JsonSchema; readonly hasId: boolean };

/** The models among a definition's schemas. */
export function modelSchemas(schemas: { readonly [name: string]: JsonSchema }): ModelSchema[] {
  return Object.entries(schemas)
    .filter(([name]) => name.startsWith('model:'))
    .map(([name, schema]) => ({ name: name.slice('model:'.length), schema, hasId: hasField(schema, 'id', 0) }));
}

/** Several schemas as one document: each one's own definitions are lifted to the top under names that carry its own. */
export function schemaDocumentOf(schemas: readonly (readonly [name: string, schema: JsonSchema])[]): SchemaDocument {
  const definitions = schemas.flatMap(([name, { definitions: nested, ...schema }]) => {
    const inner = Object.entries((nested ?? {}) as { [key: string]: JsonSchema });
    return [
      [name, withReferences(schema, name)] as const,
      ...inner.map(([key, value]) => [`${name}__${key}`, withReferences(value, name)] as const),
    ];
  });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    definitions: Object.fromEntries(definitions) as SchemaDocument['definitions'],
  };
}

function withReferences(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((item) => withReferences(item, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      if (key !== '$ref' || typeof member !== 'string') return [key, withReferences(member, name)];
      const inner = /^#\/definitions\/(.+)$/.exec(member)?.[1];
      return [key, `#/definitions/${inner === undefined ? name : `${name}__${inner}`}`];
    }),
  );
}

// A schema of zod 3 says only that it is an object: what is in it shows when it runs.
function hasField(schema: unknown, name: string, depth: number): boolean {
  if (typeof schema !== 'object' || schema === null || depth > 20) return false;
  const { properties, allOf, anyOf, oneOf, $ref, type } = schema as { readonly [key: string]: unknown };
  if (typeof properties === 'object' && properties !== null) return Object.hasOwn(properties, name);
  if (typeof $ref === 'string') return true;
  if (Array.isArray(allOf)) return allOf.some((part) => hasField(part, name, depth + 1));
  for (const parts of [anyOf, oneOf])
    if (Array.isArray(parts)) return parts.length > 0 && parts.every((part) => hasField(part, name, depth + 1));
  return type === 'object' && properties === undefined && !('additionalProperties' in schema);
}
