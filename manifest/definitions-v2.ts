import { isMap, isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import { claimEndpoint, claimModel, type Claims, noClaims } from './claims.ts';
import type { Entry, Source } from './document.ts';
import { describe, entriesOf, offsetOf, reject, resolve, scalarText, warn } from './document.ts';
import { endpointText, readEndpoint, splitEndpoint, type WrittenEndpoint } from './endpoints.ts';
import type { ActionDefinition, Endpoint, Integration, Model, SyncDefinition } from './manifest.ts';
import { noteWebhooks, refuseTrackDeletes } from './not-yet.ts';
import { readOnEvents } from './on-events.ts';
import { type ReturnedModel, readReturnedModels } from './returned-models.ts';
import {
  noteUnknownKeys,
  openScript,
  readBoolean,
  readCore,
  readOneOf,
  readRuns,
  readTexts,
  type Script,
  valueOffset,
} from './script-keys.ts';
import { readV2Signature } from './signatures.ts';
import type { Models } from './type-node.ts';

/** Keys that only an integration of a v2 file has. */
export const V2_SECTIONS: readonly string[] = ['syncs', 'actions', 'on-events', 'post-connection-scripts'];
const INTEGRATION_KEYS = [...V2_SECTIONS, 'provider'];
const ACTION_KEYS = ['description', 'version', 'endpoint', 'output', 'input', 'scopes'];
const SYNC_KEYS = [
  ...ACTION_KEYS,
  ...['runs', 'sync_type', 'track_deletes', 'auto_start', 'webhook-subscriptions'],
] as const;

/** What is read of one integration is checked against all of it. */
type Context = {
  readonly source: Source;
  readonly integration: string;
  readonly models: Models;
  readonly anonymous: Map<string, Model>;
  readonly claims: Claims;
};

/** Reads an integration of a v2 file (facts: section 2.3). Anonymous models are added to `anonymous`. */
export function readV2Integration(
  source: Source,
  entry: Entry,
  models: Models,
  anonymous: Map<string, Model>,
): Integration | undefined {
  const entries = entriesOf(source, entry.value, `integration '${entry.key}'`, offsetOf(entry.value, entry.offset));
  if (entries === undefined) return undefined;
  const sections = new Map(entries.map((section) => [section.key, section]));
  for (const section of entries) if (!INTEGRATION_KEYS.includes(section.key)) rejectSection(source, entry.key, section);
  const context: Context = { source, integration: entry.key, models, anonymous, claims: noClaims() };
  const provider = readProvider(source, entry.key, sections.get('provider'));
  return {
    name: entry.key,
    ...(provider === undefined ? {} : { provider }),
    syncs: readSection(context, sections.get('syncs')).flatMap((script) => readSync(context, script) ?? []),
    actions: readSection(context, sections.get('actions')).map((script) => readAction(context, script)),
    onEvents: readOnEvents(source, sections.get('on-events'), sections.get('post-connection-scripts')),
  };
}

function rejectSection(source: Source, integration: string, section: Entry): void {
  const isScript = isMap(section.value);
  const advice = isScript ? "; scripts belong under 'syncs:' or 'actions:'" : '';
  const message = `key '${section.key.slice(0, 80)}' of integration '${integration}' is not known: expected one of ${INTEGRATION_KEYS.join(', ')}${advice}`;
  reject(source, section.offset, message);
}

function readProvider(source: Source, integration: string, entry: Entry | undefined): string | undefined {
  if (entry === undefined) return undefined;
  if (isScalar(entry.value) && scalarText(entry.value).trim() !== '') return scalarText(entry.value).trim();
  const message = `provider of integration '${integration}' is ${describe(entry.value)}: expected the name of a provider`;
  reject(source, offsetOf(entry.value, entry.offset), message);
  return undefined;
}

/** A section that is left empty has no scripts. */
function readSection({ source, integration }: Context, section: Entry | undefined): readonly Script[] {
  if (section === undefined || section.value === null) return [];
  if (isScalar(section.value) && scalarText(section.value) === '') return [];
  const what = `'${section.key}' of integration '${integration}'`;
  const entries = entriesOf(source, section.value, what, offsetOf(section.value, section.offset)) ?? [];
  return entries.flatMap((entry) => openScript(source, entry) ?? []);
}

function readSync(context: Context, script: Script): SyncDefinition | undefined {
  const { source, models } = context;
  noteUnknownKeys(script, SYNC_KEYS, 'v2');
  const frequency = readRuns(script, 'v2');
  const returned = readReturnedModels(script, 'output', models);
  for (const model of returned ?? []) claimReturned(context, script, model);
  const endpoints = readEndpoints(context, script, 'sync', returned?.length);
  const syncType = readOneOf(script, 'sync_type', ['full', 'incremental']) ?? 'incremental';
  const trackDeletes = readBoolean(script, 'track_deletes') ?? false;
  const autoStart = readBoolean(script, 'auto_start') ?? true;
  if (trackDeletes)
    reject(source, script.keys.get('track_deletes')?.offset ?? 0, refuseTrackDeletes(script.name), 'not_supported_yet');
  const input = readV2Signature(script, 'input', models, { ...context, kind: 'sync' });
  const webhookSubscriptions = readTexts(script, 'webhook-subscriptions');
  if (webhookSubscriptions.length > 0)
    warn(source, valueOffset(script, 'webhook-subscriptions'), noteWebhooks(script.name), 'not_supported_yet');
  const rest = { ...readCore(script), scopes: readTexts(script, 'scopes'), ...(input === undefined ? {} : { input }) };
  if (frequency === undefined || returned === undefined) return undefined;
  const returns = returned.map((model) => model.name);
  return { ...rest, ...frequency, returns, trackDeletes, autoStart, syncType, endpoints, webhookSubscriptions };
}

function claimReturned({ source, claims }: Context, script: Script, model: ReturnedModel): void {
  const taken = claimModel(claims, model.name, `sync '${script.name}'`);
  if (taken !== undefined)
    reject(source, model.offset, `output of sync '${script.name}' '${model.name}': ${taken}`, 'duplicate_model');
}

function readAction(context: Context, script: Script): ActionDefinition {
  noteUnknownKeys(script, ACTION_KEYS, 'v2');
  const owner = { ...context, kind: 'action' } as const;
  const input = readV2Signature(script, 'input', context.models, owner);
  const output = readV2Signature(script, 'output', context.models, owner);
  const endpoint = readEndpoints(context, script, 'action', 1)[0];
  return {
    ...readCore(script),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(endpoint === undefined ? {} : { endpoint }),
    scopes: readTexts(script, 'scopes'),
  };
}

/** `outputs`: how many there have to be; undefined where the outputs themselves could not be read. */
function readEndpoints(
  context: Context,
  script: Script,
  kind: 'sync' | 'action',
  outputs: number | undefined,
): readonly Endpoint[] {
  const { source } = context;
  const entry = script.keys.get('endpoint');
  const place = valueOffset(script, 'endpoint');
  const items = isSeq(entry?.value) ? (entry.value.items as Node[]) : entry === undefined ? [] : [entry.value];
  if (items.length === 0) {
    const example = kind === 'sync' ? 'GET /tasks' : 'POST /tasks';
    const message = `${kind} '${script.name}' has no 'endpoint': expected where applications find it, for example 'endpoint: ${example}'`;
    reject(source, entry === undefined ? script.entry.offset : place, message, 'endpoints_mismatch');
    return [];
  }
  if (outputs !== undefined && items.length !== outputs) {
    const message = `endpoint of ${kind} '${script.name}' names ${items.length}: expected ${outputs}, one for each output`;
    reject(source, place, message, 'endpoints_mismatch');
  }
  return items.flatMap((item) => readOneEndpoint(context, script, kind, resolve(source, item), place) ?? []);
}

function readOneEndpoint(
  { source, claims }: Context,
  script: Script,
  kind: 'sync' | 'action',
  node: Node | null,
  otherwise: number,
): Endpoint | undefined {
  const offset = offsetOf(node, otherwise);
  const what = `endpoint of ${kind} '${script.name}'`;
  const written = readWritten(source, node, what, offset);
  if (written === undefined) return undefined;
  const endpoint = readEndpoint(written, kind);
  const fault = 'fault' in endpoint ? endpoint.fault : claimEndpoint(claims, endpoint, `${kind} '${script.name}'`);
  if (fault !== undefined) {
    const code = 'fault' in endpoint ? undefined : 'duplicate_endpoint';
    reject(source, offset, `${what} '${endpointText(written).slice(0, 80)}': ${fault}`, code);
  }
  return 'fault' in endpoint ? undefined : endpoint;
}

function readWritten(source: Source, node: Node | null, what: string, offset: number): WrittenEndpoint | undefined {
  if (isScalar(node) && scalarText(node).trim() !== '') return splitEndpoint(scalarText(node));
  if (!isMap(node)) {
    const message = `${what} is ${describe(node)}: expected a text such as 'GET /tasks', or a mapping of method and path`;
    reject(source, offset, message);
    return undefined;
  }
  const parts = new Map<string, string>();
  for (const { key, value, offset: place } of entriesOf(source, node, what, offset) ?? []) {
    const isPart = ['method', 'path', 'group'].includes(key);
    if (isPart && isScalar(value)) parts.set(key, scalarText(value).trim());
    else if (isPart) reject(source, place, `${key} of ${what} is ${describe(value)}: expected a text`);
    else reject(source, place, `key '${key.slice(0, 80)}' of ${what} is not known: expected method, path or group`);
  }
  const path = parts.get('path');
  if (path === undefined) reject(source, offset, `${what} has no 'path': expected one such as '/tasks'`);
  return path === undefined ? undefined : { ...Object.fromEntries(parts), path };
}
