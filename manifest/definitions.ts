import { isScalar } from 'yaml';
import { readV2Integration, V2_SECTIONS } from './definitions-v2.ts';
import type { Entry, Source } from './document.ts';
import { entriesOf, offsetOf, reject, scalarText, warn } from './document.ts';
import type { ActionDefinition, Integration, Manifest, SyncDefinition } from './manifest.ts';
import { readRuns, readSavedModels } from './saved-models.ts';
import { openScript, readBoolean, readCommon, readOneOf, type Script, warnOfUnknownKeys } from './script-keys.ts';
import { readSignature } from './signature.ts';
import type { Models } from './type-node.ts';

const V1_KEYS = ['type', 'runs', 'returns', 'description', 'input', 'track_deletes', 'auto_start', 'version'] as const;

/**
 * Reads `integrations:`, in v1 `<integration>: <script>: { type, runs, returns, … }`, in v2 with the sections `syncs`,
 * `actions` and `on-events` in between. `folder`: what `${PWD}` as an integration's id stands for; it is left alone
 * without one.
 */
export function readIntegrations(
  source: Source,
  entries: readonly Entry[],
  models: Models,
  folder: string | undefined,
): Pick<Manifest, 'version' | 'integrations'> {
  const version = versionOf(entries);
  const read = version === 'v2' ? readV2Integration : readV1Integration;
  const integrations = entries.flatMap((entry) => {
    if (!isIntegrationName(source, entry)) return [];
    // biome-ignore lint/suspicious/noTemplateCurlyInString: real files have it as the integration's key.
    const name = entry.key === '${PWD}' && folder !== undefined ? folder : entry.key;
    return read(source, { ...entry, key: name }, models);
  });
  return { version, integrations };
}

/** The first integration that has any script says which form the file has (facts: section 2.1). */
function versionOf(entries: readonly Entry[]): 'v1' | 'v2' {
  const first = entries.map(keysOf).find((keys) => keys.some((key) => key !== 'provider')) ?? [];
  return first.some((key) => V2_SECTIONS.includes(key)) ? 'v2' : 'v1';
}

// Asks silently: whether a node is a mapping at all is the readers' to report.
function keysOf(integration: Entry): string[] {
  const items: readonly unknown[] =
    integration.value !== null && 'items' in integration.value ? integration.value.items : [];
  const keys = items.map((item) => (typeof item === 'object' && item !== null && 'key' in item ? item.key : undefined));
  return keys.flatMap((key) => (isScalar(key) ? scalarText(key) : []));
}

function isIntegrationName(source: Source, entry: Entry): boolean {
  // `${PWD}` and other odd ids are left alone; what cannot be part of a file name is refused.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (!/[/\\\u0000-\u001f]/.test(entry.key) && entry.key.trim() === entry.key) return true;
  reject(
    source,
    entry.offset,
    `integration '${entry.key.slice(0, 80)}': expected an id without slashes, control characters or spaces around it`,
  );
  return false;
}

function readV1Integration(source: Source, entry: Entry, models: Models): Integration {
  const scripts = entriesOf(source, entry.value, `integration '${entry.key}'`, offsetOf(entry.value, entry.offset));
  const syncs: SyncDefinition[] = [];
  const actions: ActionDefinition[] = [];
  for (const script of scripts ?? []) {
    const definition = readScript(source, script, models);
    if (definition?.kind === 'sync') syncs.push(definition.sync);
    if (definition?.kind === 'action') actions.push(definition.action);
  }
  return { name: entry.key, syncs, actions, onEvents: [] };
}

type Definition =
  | { readonly kind: 'sync'; readonly sync: SyncDefinition }
  | { readonly kind: 'action'; readonly action: ActionDefinition };

function readScript(source: Source, entry: Entry, models: Models): Definition | undefined {
  const script = openScript(source, entry);
  if (script === undefined) return undefined;
  warnOfUnknownKeys(script, V1_KEYS);
  const kind = script.keys.has('type') ? readOneOf(script, 'type', ['sync', 'action']) : 'sync';
  if (kind === undefined) return undefined;
  if (kind === 'action') return { kind, action: readAction(script, models) };
  const sync = readSync(script, models);
  return sync === undefined ? undefined : { kind, sync };
}

function readSync(script: Script, models: Models): SyncDefinition | undefined {
  const frequency = readRuns(script, 'v1');
  const returns = readSavedModels(script, 'returns', models);
  const trackDeletes = readBoolean(script, 'track_deletes') ?? false;
  const autoStart = readBoolean(script, 'auto_start') ?? true;
  const common = readCommon(script);
  if (frequency === undefined || returns === undefined) return undefined;
  // In v1 the only way to ask for a full refresh is to have deletions found by comparison.
  return { ...common, ...frequency, returns, trackDeletes, autoStart, syncType: trackDeletes ? 'full' : 'incremental' };
}

function readAction(script: Script, models: Models): ActionDefinition {
  const { source, name, keys } = script;
  const runs = keys.get('runs');
  if (runs !== undefined) {
    const message = `runs of action '${name}' has no effect: actions run when they are called; remove the line`;
    warn(source, runs.offset, message);
  }
  const input = readSignature(script, 'input', `input of action '${name}'`, models);
  const output = readSignature(script, 'returns', `returns of action '${name}'`, models);
  return {
    ...readCommon(script),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
  };
}
