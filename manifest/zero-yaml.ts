/** Zero-yaml scripts, once the sandbox has described them, as the same Manifest that a `nango.yaml` ends in. Pure. */
import type { z } from 'zod';
import { findDefinition } from './definition-source.ts';
import { parseFrequency } from './frequency.ts';
import type { IndexEntry } from './index-file.ts';
import type { JsonSchema, SchemaDocument } from './manifest.ts';
import type {
  ActionDefinition,
  Endpoint,
  Integration,
  Manifest,
  Mistake,
  OnEventDefinition,
  SyncDefinition,
  TypeExpression,
} from './manifest.ts';
import { parseScript } from './syntax.ts';
import { ACTION, type EndpointShape, ON_EVENT, SYNC } from './zero-shapes.ts';
import { type ModelSchema, modelSchemas, schemaDocumentOf } from './zero-schemas.ts';

/** A script with what the sandbox found: nothing in it is trusted. */
export type ZeroScript = {
  readonly entry: IndexEntry;
  readonly text: string;
  /** Runtime exports besides the default one. */
  readonly exports: readonly string[];
  /** What its definition says; undefined when its default export is none. */
  readonly definition:
    | {
        readonly properties: { readonly [name: string]: unknown };
        readonly schemas: { readonly [name: string]: JsonSchema };
      }
    | undefined;
};

/** Reports a mistake at a property of the definition, or at the definition itself. */
type Reporter = (property: string | undefined, message: string, code?: string) => undefined;
type Reading = {
  readonly script: ZeroScript;
  readonly report: Reporter;
  readonly place: { readonly line: number; readonly column: number };
  readonly creator: string | undefined;
};

/**
 * Makes the Manifest. Mistakes and warnings carry the author's own file and line: that of the property where it is
 * written in place, else that of the definition.
 */
export function readZeroYaml(scripts: readonly ZeroScript[]): {
  readonly manifest: Manifest;
  readonly mistakes: readonly Mistake[];
} {
  const mistakes: Mistake[] = [];
  const warnings: Mistake[] = [];
  const byIntegration = new Map<string, Collected>();
  for (const script of scripts) {
    const { integration } = script.entry;
    const collected = byIntegration.get(integration) ?? {
      syncs: [],
      actions: [],
      onEvents: [],
      models: new Map(),
      paths: new Map(),
    };
    byIntegration.set(integration, collected);
    readScript(openReading(script, mistakes), collected, warnings);
  }
  const integrations = [...byIntegration].map(
    ([name, { syncs, actions, onEvents }]): Integration => ({ name, syncs, actions, onEvents }),
  );
  return { manifest: { version: 'zero-yaml', integrations, models: [], warnings }, mistakes };
}

type Collected = {
  readonly syncs: SyncDefinition[];
  readonly actions: ActionDefinition[];
  readonly onEvents: OnEventDefinition[];
  /** Who saves a model, and who answers at an address: each may be there once. */
  readonly models: Map<string, string>;
  readonly paths: Map<string, string>;
};

function openReading(script: ZeroScript, mistakes: Mistake[]): Reading {
  const { file } = script.entry;
  const parsed = parseScript(file, script.text);
  const source = parsed === undefined ? undefined : findDefinition(parsed);
  const placeOf = (property?: string) => {
    const offset = source?.properties.get(property ?? '')?.start ?? source?.offset ?? 0;
    return parsed?.positionOf(offset) ?? { line: 1, column: 1 };
  };
  return {
    script,
    creator: source?.creator,
    place: placeOf(),
    report: (property, message, code) => {
      mistakes.push({ file, ...placeOf(property), message, ...(code === undefined ? {} : { code }) });
      return undefined;
    },
  };
}

function readScript(reading: Reading, collected: Collected, warnings: Mistake[]): void {
  const { script, report } = reading;
  const { entry, definition, exports } = script;
  const helper = { sync: 'createSync', action: 'createAction', 'on-event': 'createOnEvent' }[entry.kind];
  if (definition === undefined)
    return report(
      undefined,
      `the default export is no definition: expected export default ${helper}({ … })`,
      'nango_invalid_default_export',
    );
  for (const name of exports) {
    const message = `export '${name}': expected the default export alone; what scripts share belongs into a file of its own`;
    report(undefined, message, 'nango_named_export_not_allowed');
  }
  if (definition.properties['type'] !== { sync: 'sync', action: 'action', 'on-event': 'onEvent' }[entry.kind])
    return report(
      undefined,
      `the ${entry.kind} of '${entry.integration}' is made by ${String(reading.creator ?? definition.properties['type'])}: expected ${helper}, as its folder says`,
      'nango_invalid_function_param',
    );
  if (entry.kind === 'sync') readSync(reading, definition.properties, collected, warnings);
  if (entry.kind === 'action') readAction(reading, definition.properties, collected);
  if (entry.kind === 'on-event') readOnEvent(reading, definition.properties, collected);
}

function readSync(reading: Reading, properties: unknown, collected: Collected, warnings: Mistake[]): void {
  const { script, report, place } = reading;
  const { name, file } = script.entry;
  const parsed = checked(reading, SYNC, properties);
  const models = modelSchemas(script.definition?.schemas ?? {});
  if (models.length === 0)
    report(
      'models',
      `sync '${name}' has no models: expected models: { Task: z.object({ id: z.string(), … }) }`,
      'model_not_found',
    );
  for (const model of models) checkModel(reading, model, collected);
  checkCheckpoint(reading);
  if (parsed === undefined) return;
  const frequency = parseFrequency(parsed.frequency, 'v2');
  if ('fault' in frequency)
    return report(
      'frequency',
      `frequency of sync '${name}' '${parsed.frequency.slice(0, 80)}': ${frequency.fault}`,
      'invalid_runs',
    );
  const syncType = parsed.syncType ?? 'full';
  if (parsed.trackDeletes === true && syncType === 'incremental')
    report(
      'trackDeletes',
      `trackDeletes of sync '${name}' is true and its syncType 'incremental': expected syncType 'full', or trackDeletesStart and trackDeletesEnd in exec`,
      'track_deletes_incremental',
    );
  const endpoints = endpointsOf(reading, parsed.endpoints ?? [], 'GET', collected);
  if (endpoints.length > 0 && endpoints.length !== models.length)
    report(
      'endpoints',
      `sync '${name}' has ${endpoints.length} endpoints and ${models.length} models: expected one endpoint for each model`,
      'endpoints_mismatch',
    );
  if (parsed.autoStart === undefined) {
    const message = `sync '${name}' does not say autoStart and will wait to be started: write autoStart: true, or false`;
    warnings.push({ file, ...place, message, code: 'auto_start_missing' });
  }
  const { webhookSubscriptions: subscriptions = [] } = parsed;
  collected.syncs.push({
    ...sharedParts(reading, parsed),
    ...frequency,
    returns: models.map((model) => model.name),
    trackDeletes: parsed.trackDeletes ?? false,
    autoStart: parsed.autoStart ?? false,
    syncType,
    ...named('input', 'SyncMetadata', script, 'metadata'),
    ...(endpoints.length === 0 ? {} : { endpoints }),
    ...(subscriptions.length === 0 ? {} : { webhookSubscriptions: subscriptions }),
    schema: documentOf(script),
  });
}

function readAction(reading: Reading, properties: unknown, collected: Collected): void {
  const { script } = reading;
  checkCheckpoint(reading);
  const parsed = checked(reading, ACTION, properties);
  if (parsed === undefined) return;
  const endpoints = endpointsOf(reading, parsed.endpoint === undefined ? [] : [parsed.endpoint], 'POST', collected);
  collected.actions.push({
    ...sharedParts(reading, parsed),
    ...named('input', 'ActionInput', script, 'input'),
    ...named('output', 'ActionOutput', script, 'output'),
    ...(endpoints.length === 0 ? {} : { endpoints }),
    schema: documentOf(script),
  });
}

function readOnEvent(reading: Reading, properties: unknown, collected: Collected): void {
  checkCheckpoint(reading);
  const parsed = checked(reading, ON_EVENT, properties);
  if (parsed === undefined) return;
  const { name } = reading.script.entry;
  collected.onEvents.push({ name, ...reading.place, event: parsed.event, isOldForm: false });
}

function checked<Schema extends z.ZodType>(
  reading: Reading,
  schema: Schema,
  properties: unknown,
): z.output<Schema> | undefined {
  const result = schema.safeParse(properties);
  if (result.success) return result.data;
  const { kind, name } = reading.script.entry;
  for (const { path, message } of result.error.issues) {
    const [property] = path;
    reading.report(
      String(property),
      `${path.map(String).join('.')} of ${kind} '${name}': ${message}`,
      'nango_invalid_function_param',
    );
  }
  return undefined;
}

function checkModel({ script, report }: Reading, model: ModelSchema, collected: Collected): void {
  const { name } = script.entry;
  if (!/^[A-Z][a-zA-Z0-9_]+$/.test(model.name))
    report(
      'models',
      `model '${model.name}' of sync '${name}': expected a name of letters and digits that begins with a capital`,
      'invalid_model_name',
    );
  if (!model.hasId)
    report(
      'models',
      `model '${model.name}' of sync '${name}': expected a field 'id' (string or number), by which its records are told apart`,
      'model_missing_id',
    );
  const owner = collected.models.get(model.name);
  if (owner === undefined) collected.models.set(model.name, name);
  else
    report(
      'models',
      `model '${model.name}' of sync '${name}': expected another model, since sync '${owner}' of this integration saves it already`,
      'duplicate_model',
    );
}

/** Checkpoints are flat: a nested one would be refused at run time, in the middle of a sync. */
function checkCheckpoint({ script, report }: Reading): void {
  const schema = script.definition?.schemas['checkpoint'];
  if (schema === undefined) return;
  const properties = Object.entries((schema['properties'] ?? {}) as { [key: string]: JsonSchema });
  const deep = properties.find(([, property]) => ['object', 'array', 'null'].includes(String(property['type'])));
  if (schema['type'] === 'object' && deep === undefined) return;
  const what = deep === undefined ? 'it is no object' : `'${deep[0]}' is of type ${String(deep[1]['type'])}`;
  report(
    'checkpoint',
    `checkpoint of '${script.entry.name}': ${what}; expected an object of texts, numbers and booleans`,
    'checkpoint_invalid',
  );
}

function endpointsOf(
  { script, report }: Reading,
  given: readonly EndpointShape[],
  otherwise: Endpoint['method'],
  { paths }: Collected,
): Endpoint[] {
  return given.map(({ method = otherwise, path, group }) => {
    const address = `${method} ${path}`;
    const owner = paths.get(address);
    if (owner === undefined) paths.set(address, script.entry.name);
    else {
      const property = script.entry.kind === 'sync' ? 'endpoints' : 'endpoint';
      report(
        property,
        `endpoint of '${script.entry.name}' '${address.slice(0, 80)}': expected another one, since '${owner}' has it already`,
        'duplicate_endpoint',
      );
    }
    return { method, path, ...(group === undefined ? {} : { group }) };
  });
}

function sharedParts(
  { script, place }: Reading,
  parsed: { description?: string | undefined; version?: string | undefined; scopes?: string[] | undefined },
) {
  const { description, version, scopes = [] } = parsed;
  return {
    name: script.entry.name,
    ...place,
    ...(description === undefined ? {} : { description }),
    ...(version === undefined ? {} : { version }),
    ...(scopes.length === 0 ? {} : { scopes }),
  };
}

/** The names that types without one of their own get (facts: section 1.4). */
function named(
  key: 'input' | 'output',
  prefix: string,
  { entry, definition }: ZeroScript,
  schema: string,
): { [key: string]: TypeExpression } {
  if (definition?.schemas[schema] === undefined) return {};
  return { [key]: { kind: 'model', name: typeName(prefix, entry) } };
}

function typeName(prefix: string, { integration, name }: IndexEntry): string {
  return `${prefix}_${integration}_${name}`.replace(/[^a-zA-Z0-9_]/g, '_');
}

function documentOf({ entry, definition }: ZeroScript): SchemaDocument {
  const prefixes: { [name: string]: string } =
    entry.kind === 'sync' ? { metadata: 'SyncMetadata' } : { input: 'ActionInput', output: 'ActionOutput' };
  const schemas = Object.entries(definition?.schemas ?? {}).flatMap(([name, schema]): [string, JsonSchema][] => {
    const prefix = prefixes[name];
    if (name.startsWith('model:')) return [[name.slice('model:'.length), schema]];
    return prefix === undefined ? [] : [[typeName(prefix, entry), schema]];
  });
  return schemaDocumentOf(schemas);
}
