import { isSeq } from 'yaml';
import type { Entry, Source } from './document.ts';
import { entriesOf, offsetOf, reject } from './document.ts';
import { readEndpoints, refuseDoubleEndpoints } from './endpoints.ts';
import { readTexts } from './texts.ts';
import type { ActionDefinition, Integration, SyncDefinition } from './manifest.ts';
import { readOnEvents } from './on-events.ts';
import { readRuns, readSavedModels } from './saved-models.ts';
import {
  openScript,
  readBoolean,
  readCommon,
  readOneOf,
  type Script,
  valueOffset,
  warnOfUnknownKeys,
} from './script-keys.ts';
import { readSignature } from './signature.ts';
import type { Models } from './type-node.ts';

/** The keys by which a v2 integration is told from a v1 one. */
export const V2_SECTIONS: readonly string[] = ['syncs', 'actions', 'on-events', 'post-connection-scripts'];

const SYNC_KEYS = [
  'description',
  'runs',
  'output',
  'endpoint',
  'sync_type',
  'track_deletes',
  'auto_start',
  'version',
  'input',
  'scopes',
  'webhook-subscriptions',
];
const ACTION_KEYS = ['description', 'input', 'output', 'endpoint', 'version', 'scopes'];

/** Reads one integration with its sections (facts: section 2.3). */
export function readV2Integration(source: Source, entry: Entry, models: Models): Integration {
  const what = `integration '${entry.key}'`;
  const sections = entriesOf(source, entry.value, what, offsetOf(entry.value, entry.offset)) ?? [];
  for (const section of sections) {
    if (V2_SECTIONS.includes(section.key) || section.key === 'provider') continue;
    const expected = `expected one of ${[...V2_SECTIONS, 'provider'].join(', ')}; scripts stand under 'syncs' or 'actions'`;
    reject(source, section.offset, `key '${section.key.slice(0, 80)}' of ${what} is not known: ${expected}`);
  }
  const syncs = scriptsOf(source, sections, 'syncs', what);
  const actions = scriptsOf(source, sections, 'actions', what);
  refuseDoubleModels(syncs, models);
  refuseDoubleEndpoints([...syncs, ...actions]);
  return {
    name: entry.key,
    syncs: syncs.flatMap((script) => readSync(script, models) ?? []),
    actions: actions.map((script) => readAction(script, models)),
    onEvents: readOnEvents(source, sections, what),
  };
}

// A section that is there and empty, as while somebody is writing it, has no scripts.
function scriptsOf(source: Source, sections: readonly Entry[], name: 'syncs' | 'actions', what: string): Script[] {
  const section = sections.find((candidate) => candidate.key === name);
  if (section?.value === undefined || section.value === null) return [];
  if ('value' in section.value && section.value.value === null) return [];
  const entries = entriesOf(source, section.value, `'${name}' of ${what}`, offsetOf(section.value, section.offset));
  return (entries ?? []).flatMap((entry) => openScript(source, entry) ?? []);
}

function readSync(script: Script, models: Models): SyncDefinition | undefined {
  warnOfUnknownKeys(script, SYNC_KEYS);
  const frequency = readRuns(script, 'v2');
  const returns = readSavedModels(script, 'output', models);
  const input = readSignature(script, 'input', `input of sync '${script.name}'`, models);
  const syncType = readOneOf(script, 'sync_type', ['incremental', 'full']) ?? 'full';
  const trackDeletes = readTrackDeletes(script, syncType);
  const autoStart = readBoolean(script, 'auto_start') ?? true;
  const common = readCommon(script);
  const endpoints = readEndpoints(script, 'sync');
  if (returns !== undefined && endpoints.length > 0 && endpoints.length !== returns.length) {
    const message = `sync '${script.name}' has ${endpoints.length} of 'endpoint' and ${returns.length} of 'output': expected one endpoint for each model`;
    reject(script.source, valueOffset(script, 'endpoint'), message, 'endpoints_mismatch');
  }
  const scopes = readTexts(script, 'scopes');
  const webhookSubscriptions = readTexts(script, 'webhook-subscriptions');
  if (frequency === undefined || returns === undefined) return undefined;
  return {
    ...common,
    ...frequency,
    returns,
    trackDeletes,
    autoStart,
    syncType,
    ...(input === undefined ? {} : { input }),
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(endpoints.length === 0 ? {} : { endpoints }),
    ...(webhookSubscriptions.length === 0 ? {} : { webhookSubscriptions }),
  };
}

function readTrackDeletes(script: Script, syncType: 'incremental' | 'full'): boolean {
  const entry = script.keys.get('track_deletes');
  if (entry === undefined || readBoolean(script, 'track_deletes') !== true) return false;
  if (syncType === 'full') return true;
  const message = `track_deletes of sync '${script.name}' is 'true' and its sync_type 'incremental': deletions are found by comparing full refreshes; expected 'sync_type: full', or no track_deletes`;
  reject(script.source, entry.offset, message, 'track_deletes_incremental');
  return false;
}

function readAction(script: Script, models: Models): ActionDefinition {
  warnOfUnknownKeys(script, ACTION_KEYS);
  const { name } = script;
  const input = readSignature(script, 'input', `input of action '${name}'`, models);
  const output = readSignature(script, 'output', `output of action '${name}'`, models);
  const endpoints = readEndpoints(script, 'action');
  if (endpoints.length > 1) {
    const message = `action '${name}' has ${endpoints.length} endpoints: expected at most one`;
    reject(script.source, valueOffset(script, 'endpoint'), message, 'endpoints_mismatch');
  }
  const scopes = readTexts(script, 'scopes');
  return {
    ...readCommon(script),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(endpoints.length === 0 ? {} : { endpoints }),
  };
}

/** In v2 a model belongs to one sync of an integration; v1 sold sharing one as a feature, so there it is allowed. */
function refuseDoubleModels(syncs: readonly Script[], models: Models): void {
  const owners = new Map<string, string>();
  for (const script of syncs) {
    const entry = script.keys.get('output');
    const nodes = isSeq(entry?.value) ? entry.value.items : [entry?.value];
    for (const node of nodes) {
      const text = typeof node === 'object' && node !== null && 'value' in node ? String(node.value) : '';
      const model = text.replace(/\[\s*\]$/, '').trim();
      const owner = owners.get(model);
      if (!models.has(model) || owner === script.name) continue;
      if (owner === undefined) owners.set(model, script.name);
      else {
        const message = `output of sync '${script.name}' '${model}': expected another model, since sync '${owner}' of this integration saves it already`;
        reject(script.source, valueOffset(script, 'output'), message, 'duplicate_model');
      }
    }
  }
}
