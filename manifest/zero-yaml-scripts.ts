import { claimEndpoint, claimModel, type Claims } from './claims.ts';
import { isIntegrationId } from './definitions.ts';
import { endpointText, readEndpoint, splitEndpoint, type WrittenEndpoint } from './endpoints.ts';
import type { EvaluatedAction, EvaluatedDefinition, EvaluatedOnEvent, EvaluatedSync } from './evaluated-definition.ts';
import { parseFrequency } from './frequency.ts';
import type {
  ActionDefinition,
  Endpoint,
  MistakeCode,
  OnEventDefinition,
  SyncDefinition,
  TypeExpression,
} from './manifest.ts';
import { singularOf } from './model-usage.ts';
import { noteOnEvent, noteWebhooks, refuseTrackDeletes } from './not-yet.ts';
import { hasId, ID_EXPECTED } from './returned-models.ts';
import { isVersion } from './script-keys.ts';
import type { SchemaModels } from './zero-yaml-models.ts';

/** An integration while its definitions are read. */
export type Building = {
  readonly name: string;
  readonly syncs: SyncDefinition[];
  readonly actions: ActionDefinition[];
  readonly onEvents: OnEventDefinition[];
  readonly models: SchemaModels;
  readonly claims: Claims;
  /** `sync tasks` → its file. */
  readonly scripts: Map<string, string>;
};
/** One definition within its integration; `what` names it in messages. */
export type Context = {
  readonly building: Building;
  readonly definition: EvaluatedDefinition;
  readonly what: string;
  readonly at: { readonly line: number; readonly column: number };
  readonly reject: (message: string, code?: MistakeCode) => void;
  readonly warn: (message: string, code: MistakeCode) => void;
};

/** Adds the definition to its integration, or notes its mistakes. */
export function readDefinition(context: Context): void {
  const { definition } = context;
  if (!isNamed(context)) return;
  if (definition.kind === 'sync') readSync(context, definition);
  if (definition.kind === 'action') readAction(context, definition);
  if (definition.kind === 'on-event') readOnEvent(context, definition);
}

function isNamed({ building, definition, what, reject }: Context): boolean {
  const { integration, kind, name, file } = definition;
  if (!isIntegrationId(integration)) {
    reject(`integration '${integration.slice(0, 80)}' of ${what}: expected the name of a folder`);
    return false;
  }
  if (!/^[a-zA-Z0-9_-]+$/.test(name)) {
    reject(`name of ${what}: expected letters, digits, '-' and '_'`);
    return false;
  }
  const first = building.scripts.get(`${kind} ${name}`);
  if (first !== undefined)
    reject(`${what} of integration '${integration}' is there twice: expected once (first in ${first})`);
  else building.scripts.set(`${kind} ${name}`, file);
  return first === undefined;
}

function readSync(context: Context, sync: EvaluatedSync): void {
  const { building, what, reject, warn } = context;
  const frequency = parseFrequency(sync.frequency, 'v2');
  if ('fault' in frequency) reject(`${what} runs '${sync.frequency.slice(0, 80)}': ${frequency.fault}`, 'invalid_runs');
  const returns = readModels(context, sync.models);
  const endpoints = (sync.endpoints ?? []).flatMap((one) => readOneEndpoint(context, one, 'sync') ?? []);
  const given = sync.endpoints?.length ?? 0;
  if (given > 0 && given !== Object.keys(sync.models).length) {
    const message = `endpoints of ${what} are ${given}: expected ${Object.keys(sync.models).length}, one for each model, or none`;
    reject(message, 'endpoints_mismatch');
  }
  const trackDeletes = sync.trackDeletes ?? false;
  if (trackDeletes) reject(refuseTrackDeletes(sync.name, 'trackDeletes'), 'not_supported_yet');
  if (trackDeletes && sync.syncType === 'incremental')
    reject(
      `trackDeletes of ${what} stands beside syncType 'incremental': expected 'full', since what an incremental run does not fetch is not gone`,
    );
  const webhookSubscriptions = sync.webhookSubscriptions ?? [];
  if (webhookSubscriptions.length > 0) warn(noteWebhooks(sync.name), 'not_supported_yet');
  const input = addModel(context, 'SyncMetadata', sync.metadata);
  const core = readCore(context);
  if ('fault' in frequency) return;
  building.syncs.push({
    ...core,
    ...frequency,
    returns,
    trackDeletes,
    // As the incumbent does it, whatever its documentation says (facts: section 1.4).
    autoStart: sync.autoStart ?? false,
    syncType: sync.syncType ?? 'full',
    endpoints,
    scopes: sync.scopes ?? [],
    webhookSubscriptions,
    ...(input === undefined ? {} : { input }),
  });
}

function readModels(context: Context, models: Readonly<Record<string, unknown>>): readonly string[] {
  const { building, what, reject } = context;
  const names = Object.keys(models);
  if (names.length === 0) reject(`models of ${what} is empty: expected the models it saves`, 'model_not_found');
  return names.filter((name) => {
    const model = `model '${name.slice(0, 80)}' of ${what}`;
    if (!/^[A-Z][a-zA-Z0-9_]+$/.test(name)) {
      reject(`${model}: expected a capital letter, then letters, digits and '_'`, 'invalid_model_name');
      return false;
    }
    const taken = claimModel(building.claims, name, what);
    if (taken !== undefined) {
      reject(`${model}: ${taken}`, 'duplicate_model');
      return false;
    }
    return addSyncModel(context, name, models[name], model);
  });
}

function addSyncModel({ building, at, reject, warn }: Context, name: string, schema: unknown, what: string): boolean {
  const added = building.models.add(name, schema, at);
  if ('fault' in added) {
    reject(`${what}: ${added.fault}`, 'type_syntax_error');
    return false;
  }
  if (!hasId(added.model.type)) reject(`${what}: ${ID_EXPECTED}`, 'model_missing_id');
  const single = singularOf(name);
  if (single !== undefined)
    warn(`${what} is named in the plural and describes one record: expected '${single}'`, 'plural_model_name');
  return true;
}

function readAction(context: Context, action: EvaluatedAction): void {
  const { building } = context;
  const input = addModel(context, 'ActionInput', action.input);
  const output = addModel(context, 'ActionOutput', action.output);
  const metadata = addModel(context, 'ActionMetadata', action.metadata);
  const endpoint = action.endpoint === undefined ? undefined : readOneEndpoint(context, action.endpoint, 'action');
  building.actions.push({
    ...readCore(context),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(endpoint === undefined ? {} : { endpoint }),
    scopes: action.scopes ?? [],
  });
}

function readOnEvent(context: Context, script: EvaluatedOnEvent): void {
  const metadata = addModel(context, 'OnEventMetadata', script.metadata);
  context.warn(noteOnEvent(script.name, script.event), 'not_supported_yet');
  context.building.onEvents.push({
    ...readCore(context),
    event: script.event,
    ...(metadata === undefined ? {} : { metadata }),
  });
}

function readCore(context: Context) {
  const { definition, at, what, reject } = context;
  const { name, description, version } = definition;
  if (version !== undefined && !isVersion(version))
    reject(`version of ${what} '${version.slice(0, 80)}': expected a whole number or a version such as '1.0.0'`);
  const checkpoint = addModel(context, 'Checkpoint', definition.checkpoint);
  const type = context.building.models
    .list()
    .find((model) => checkpoint?.kind === 'model' && model.name === checkpoint.name)?.type;
  if (type !== undefined && !isFlat(type))
    reject(`checkpoint of ${what}: expected an object whose values are texts, numbers, truth values or dates`);
  return {
    name,
    ...at,
    ...(description === undefined ? {} : { description }),
    ...(version === undefined ? {} : { version }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
  };
}

/** A model `<role>_<integration>_<script>`. A schema that only takes null says that there is no value. */
function addModel(context: Context, role: string, schema: unknown): TypeExpression | undefined {
  const { building, definition, what, at, reject } = context;
  if (schema === undefined || isNull(schema)) return undefined;
  const name = building.models.free(`${role}_${building.name}_${definition.name}`);
  const added = building.models.add(name, schema, at);
  if (!('fault' in added)) return { kind: 'model', name };
  reject(`${role} of ${what}: ${added.fault}`, 'type_syntax_error');
  return undefined;
}

function isNull(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'null';
}

function isFlat(type: TypeExpression): boolean {
  return type.kind === 'object' && type.fields.every((field) => isScalarType(field.type));
}

function isScalarType(type: TypeExpression): boolean {
  if (type.kind === 'union') return type.members.every(isScalarType);
  return type.kind === 'literal' || (type.kind === 'primitive' && type.name !== 'never');
}

function readOneEndpoint(
  { building, what, reject }: Context,
  given: string | WrittenEndpoint,
  kind: 'sync' | 'action',
): Endpoint | undefined {
  const written = typeof given === 'string' ? splitEndpoint(given) : given;
  const endpoint = readEndpoint(written, kind);
  const fault = 'fault' in endpoint ? endpoint.fault : claimEndpoint(building.claims, endpoint, what);
  if (fault !== undefined)
    reject(
      `endpoint of ${what} '${endpointText(written).slice(0, 80)}': ${fault}`,
      'fault' in endpoint ? undefined : 'duplicate_endpoint',
    );
  return 'fault' in endpoint ? undefined : endpoint;
}
