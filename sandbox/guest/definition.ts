/** A zero-yaml definition as data: what it says of itself, its zod schemas as JSON Schema. Runs in the guest. */
import { isDefinition } from './author.ts';
import { type Description, describe } from './errors.ts';

type JsonSchema = { [key: string]: unknown };
type Override = { readonly zodSchema: unknown; readonly jsonSchema: JsonSchema };
type Zod = { readonly z: { toJSONSchema(schema: unknown, options: object): JsonSchema } };

/** What leaves the sandbox about one script; the CLI checks it like anything a stranger says. */
export type DescribedScript =
  | { readonly failed: Description }
  | { readonly exports: readonly string[]; readonly isDefinition: false }
  | {
      readonly exports: readonly string[];
      readonly isDefinition: true;
      readonly properties: { readonly [name: string]: unknown };
      /** Under the names `model:<Name>`, `input`, `output`, `metadata` and `checkpoint`. */
      readonly schemas: { readonly [name: string]: JsonSchema };
    };

/** Loads a script and describes its default export; never throws. */
export function describeScript(load: () => unknown, zod: Zod | undefined): DescribedScript {
  try {
    const exported = load();
    const names = typeof exported === 'object' && exported !== null ? Object.keys(exported) : [];
    const exports = names.filter((name) => name !== 'default' && name !== '__esModule');
    const found = typeof exported === 'object' && exported !== null && 'default' in exported ? exported.default : null;
    if (!isDefinition(found)) return { exports, isDefinition: false };
    const { models, input, output, metadata, checkpoint, ...rest } = found;
    const all = { input, output, metadata, checkpoint, ...prefixed(models) };
    const given = Object.entries(all).filter(([, schema]) => schema !== undefined && schema !== null);
    return {
      exports,
      isDefinition: true,
      properties: JSON.parse(JSON.stringify({ ...rest, hasOnWebhook: typeof found['onWebhook'] === 'function' })),
      schemas: Object.fromEntries(given.map(([name, schema]) => [name, schemaOf(schema, zod)])),
    };
  } catch (error) {
    return { failed: describe(error) };
  }
}

function prefixed(models: unknown): { [name: string]: unknown } {
  if (typeof models !== 'object' || models === null) return {};
  return Object.fromEntries(Object.entries(models).map(([name, schema]) => [`model:${name}`, schema]));
}

function schemaOf(schema: unknown, zod: Zod | undefined): JsonSchema {
  if (typeof schema !== 'object' || schema === null) throw new TypeError('a schema is no object: expected one of zod');
  // Schemas of zod 3 cannot say what they are; they still check at run time.
  if (!('_zod' in schema) || zod === undefined) return isNamedObject(schema) ? { type: 'object' } : {};
  const { $schema: _, ...described } = zod.z.toJSONSchema(schema, {
    target: 'draft-7',
    // What a script gives and gets is the side before transforms: rows are stored as the script saved them.
    io: 'input',
    unrepresentable: 'any',
    override: asJson,
  });
  return described;
}

/** What has a form in JSON although zod knows none for it. */
function asJson({ zodSchema, jsonSchema }: Override): void {
  const { _zod: inner } = zodSchema as { readonly _zod: { readonly def: { readonly type: string } } };
  switch (inner.def.type) {
    case 'date':
      jsonSchema['type'] = 'string';
      jsonSchema['format'] = 'date-time';
      return;
    case 'void':
    case 'undefined':
      jsonSchema['type'] = 'null';
      return;
    case 'bigint':
      jsonSchema['type'] = 'integer';
      return;
  }
}

function isNamedObject(schema: object): boolean {
  return 'shape' in schema;
}
