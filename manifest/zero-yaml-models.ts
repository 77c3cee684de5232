import { typeOfSchema } from './from-json-schema.ts';
import type { JsonSchema } from './json-schema.ts';
import type { Model, Position } from './manifest.ts';
import { freeName } from './signatures.ts';

// Parts that no reader looks at may be nested without end.
const MAX_DEPTH = 200;
// A schema that refers to more of its own places than this is nobody's.
const MAX_PLACES = 300;
const DEFINITION_KEYS = new Set(['$schema', '$id', '$defs', 'definitions']);
/** Keys under which a schema holds data of the author's, not further schemas. */
const DATA_KEYS = new Set(['const', 'enum', 'default', 'examples']);

export type AddedModel = { readonly model: Model } | { readonly fault: string };

/** The models of one integration: what its definitions declare, and what their schemas refer to within themselves. */
export type SchemaModels = {
  /** Keeps names from being given to models that are made. */
  readonly reserve: (names: readonly string[]) => void;
  /** The name, or one like it that nobody has. */
  readonly free: (name: string) => string;
  /**
   * Adds a model, and one more for each place in the schema that a `$ref` leads to (a recursive model has them), named
   * `<model>_<place>`. A fault is worded to follow `<what>: `; nothing is added then.
   */
  readonly add: (name: string, schema: unknown, position: Position) => AddedModel;
  readonly list: () => readonly Model[];
};

export function createSchemaModels(integration: string): SchemaModels {
  const models = new Map<string, Model>();
  const names = new Set<string>();
  const free = (wish: string) => freeName(wish.replace(/\W/g, '_'), (name) => names.has(name));
  const add = (name: string, schema: unknown, position: Position): AddedModel => {
    names.add(name);
    const places = new Map<string, string>([['#', name]]);
    const refer = (reference: string): string | undefined => {
      const known = places.get(reference);
      if (known !== undefined || places.size >= MAX_PLACES || atPointer(schema, reference) === undefined) return known;
      const own = free(`${name}_${reference.split('/').at(-1) ?? ''}`);
      names.add(own);
      places.set(reference, own);
      return own;
    };
    const added: Model[] = [];
    // Reading one place may find further ones: the map grows while it is walked.
    for (const [reference, modelName] of places) {
      const part = atPointer(schema, reference);
      const read = typeOfSchema(part, refer);
      if ('fault' in read) return read;
      added.push({ name: modelName, type: read.type, integration, schema: relocate(part, refer, 0), ...position });
    }
    for (const model of added) models.set(model.name, model);
    const [model] = added;
    return model === undefined ? { fault: 'expected a JSON Schema' } : { model };
  };
  return {
    reserve: (taken) => {
      for (const name of taken) names.add(name);
    },
    free,
    add,
    list: () => [...models.values()],
  };
}

/** What `#`, `#/$defs/Node` or `#/properties/children/items` points at. */
function atPointer(schema: unknown, reference: string): unknown {
  if (reference !== '#' && !reference.startsWith('#/')) return undefined;
  const keys = reference.split('/').slice(1);
  return keys
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined), schema);
}

/** A schema whose references lead to `#/definitions/<model>`, without the definitions that became models. */
function relocate(value: unknown, refer: (reference: string) => string | undefined, depth: number): unknown {
  if (depth > MAX_DEPTH) return {};
  if (Array.isArray(value)) return value.map((item) => relocate(item, refer, depth + 1));
  if (!isObject(value)) return value;
  // Only at the top: further down, `definitions` may be the name of a field.
  const kept = Object.entries(value).filter(([key]) => depth > 0 || !DEFINITION_KEYS.has(key));
  const entries = kept.map(([key, part]): [string, unknown] => {
    if (DATA_KEYS.has(key)) return [key, part];
    const name = key === '$ref' && typeof part === 'string' ? refer(part) : undefined;
    return [key, name === undefined ? relocate(part, refer, depth + 1) : `#/definitions/${name}`];
  });
  return Object.fromEntries(entries);
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null;
}
