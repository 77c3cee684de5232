import { isScalar, isSeq } from 'yaml';
import type { Node } from 'yaml';
import type { Entry, Source } from './document.ts';
import { describe, entriesOf, offsetOf, positionOf, reject, resolve, scalarText, warn } from './document.ts';
import { parseFrequency } from './frequency.ts';
import type { ActionDefinition, Integration, SyncDefinition, TypeExpression } from './manifest.ts';
import { unionOf } from './model.ts';
import { refuseTrackDeletes, refuseV2 } from './not-yet.ts';
import { type Models, readType } from './type-node.ts';

const V1_KEYS = ['type', 'runs', 'returns', 'description', 'input', 'track_deletes', 'auto_start', 'version'] as const;
const V2_SECTIONS = ['syncs', 'actions', 'on-events', 'post-connection-scripts'];

/** Reads `integrations:` of a v1 file: `<integration>: <script>: { type, runs, returns, … }`. */
export function readIntegrations(source: Source, entries: readonly Entry[], models: Models): readonly Integration[] {
  const first = entries[0];
  const section = first === undefined ? undefined : v2Section(first);
  if (first !== undefined && section !== undefined) {
    refuseV2(source, first, section);
    return [];
  }
  return entries.flatMap((entry) => readIntegration(source, entry, models) ?? []);
}

// Asks silently: whether a node is a mapping at all is `readIntegration`'s to report.
function v2Section(integration: Entry): string | undefined {
  const items: readonly unknown[] =
    integration.value !== null && 'items' in integration.value ? integration.value.items : [];
  const keys = items.map((item) => (typeof item === 'object' && item !== null && 'key' in item ? item.key : undefined));
  return keys.flatMap((key) => (isScalar(key) ? scalarText(key) : [])).find((key) => V2_SECTIONS.includes(key));
}

function readIntegration(source: Source, entry: Entry, models: Models): Integration | undefined {
  // `${PWD}` and other odd ids are left alone; what cannot be part of a file name is refused.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[/\\\u0000-\u001f]/.test(entry.key) || entry.key.trim() !== entry.key) {
    reject(
      source,
      entry.offset,
      `integration '${entry.key.slice(0, 80)}': expected an id without slashes, control characters or spaces around it`,
    );
    return undefined;
  }
  const scripts = entriesOf(source, entry.value, `integration '${entry.key}'`, offsetOf(entry.value, entry.offset));
  const syncs: SyncDefinition[] = [];
  const actions: ActionDefinition[] = [];
  for (const script of scripts ?? []) {
    const definition = readScript(source, script, models);
    if (definition?.kind === 'sync') syncs.push(definition.sync);
    if (definition?.kind === 'action') actions.push(definition.action);
  }
  return { name: entry.key, syncs, actions };
}

/** The keys of one script; readers take them by name and report against the script's own place. */
type Script = {
  readonly source: Source;
  readonly name: string;
  readonly entry: Entry;
  readonly keys: ReadonlyMap<string, Entry>;
};
type Definition =
  | { readonly kind: 'sync'; readonly sync: SyncDefinition }
  | { readonly kind: 'action'; readonly action: ActionDefinition };

function readScript(source: Source, entry: Entry, models: Models): Definition | undefined {
  if (!/^[a-zA-Z0-9_-]+$/.test(entry.key)) {
    reject(
      source,
      entry.offset,
      `script name '${entry.key.slice(0, 80)}': expected letters, digits, '-' and '_', since it names the file '<script>.ts'`,
    );
    return undefined;
  }
  const entries = entriesOf(source, entry.value, `script '${entry.key}'`, offsetOf(entry.value, entry.offset));
  if (entries === undefined) return undefined;
  const script: Script = { source, name: entry.key, entry, keys: new Map(entries.map((key) => [key.key, key])) };
  warnOfUnknownKeys(script);
  const kind = script.keys.has('type') ? readOneOf(script, 'type', ['sync', 'action']) : 'sync';
  if (kind === undefined) return undefined;
  if (kind === 'action') return { kind, action: readAction(script, models) };
  const sync = readSync(script, models);
  return sync === undefined ? undefined : { kind, sync };
}

function readSync(script: Script, models: Models): SyncDefinition | undefined {
  const frequency = readRuns(script);
  const returns = readReturns(script, models);
  const trackDeletes = readBoolean(script, 'track_deletes') ?? false;
  const entry = script.keys.get('track_deletes');
  if (trackDeletes && entry !== undefined) refuseTrackDeletes(script.source, script.name, entry);
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
  const input = readSignature(script, 'input', models);
  const output = readSignature(script, 'returns', models);
  return {
    ...readCommon(script),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
  };
}

function readCommon(script: Script): {
  name: string;
  line: number;
  column: number;
  description?: string;
  version?: string;
} {
  const description = readText(script, 'description', 'a text');
  const version = readText(script, 'version', "a version such as '1.0.0'");
  if (version !== undefined && !/^\d+(\.\d+\.\d+([-+][\w.+-]+)?)?$/.test(version)) {
    reject(
      script.source,
      valueOffset(script, 'version'),
      `version of '${script.name}' '${version.slice(0, 80)}': expected a whole number or a version such as '1.0.0'`,
    );
  }
  return {
    name: script.name,
    ...positionOf(script.source, script.entry.offset),
    ...(description === undefined ? {} : { description }),
    ...(version === undefined ? {} : { version }),
  };
}

function readRuns(script: Script): { runs: string; intervalMs: number } | undefined {
  const { source, name, keys, entry } = script;
  if (!keys.has('runs')) {
    reject(
      source,
      entry.offset,
      `sync '${name}' has no 'runs': expected how often it runs, for example 'runs: every 30min'`,
    );
    return undefined;
  }
  const text = readText(script, 'runs', "a frequency such as 'every 30min'");
  if (text === undefined) return undefined;
  const frequency = parseFrequency(text, 'v1');
  if (!('fault' in frequency)) return frequency;
  reject(source, valueOffset(script, 'runs'), `sync '${name}' runs '${text.slice(0, 80)}': ${frequency.fault}`);
  return undefined;
}

function readReturns(script: Script, models: Models): readonly string[] | undefined {
  const { source, name, keys, entry } = script;
  const returns = keys.get('returns');
  if (returns === undefined) {
    reject(
      source,
      entry.offset,
      `sync '${name}' has no 'returns': expected the model it saves, for example 'returns: Task'`,
    );
    return undefined;
  }
  const items = isSeq(returns.value) ? (returns.value.items as Node[]) : [returns.value];
  if (items.length === 0)
    reject(source, returns.offset, `returns of sync '${name}' is an empty list: expected at least one model`);
  const names = items.flatMap((item) => readReturnedModel(script, models, resolve(source, item), returns.offset) ?? []);
  return names.length === 0 ? undefined : [...new Set(names)];
}

function readReturnedModel(script: Script, models: Models, node: Node | null, otherwise: number): string | undefined {
  const { source, name } = script;
  const offset = offsetOf(node, otherwise);
  const written = isScalar(node) ? scalarText(node) : '';
  const model = written.replace(/\[\s*\]$/, '').trim();
  if (model === '')
    reject(source, offset, `returns of sync '${name}' is ${describe(node)}: expected the name of a model`);
  else if (!models.has(model))
    reject(
      source,
      offset,
      `returns of sync '${name}' '${written.slice(0, 80)}': expected the name of a model listed under 'models:'`,
    );
  else if (hasId(models.typeOf(model, offset))) {
    if (model !== written)
      warn(source, offset, `returns of sync '${name}' '${written}': expected '${model}'; a sync always saves many`);
    return model;
  } else
    reject(
      source,
      offset,
      `returns of sync '${name}' '${model}': expected a model with a field 'id' (string or number), by which its records are told apart`,
    );
  return undefined;
}

// A model that could not be read is reported where it stands, not once more for each sync that saves it.
function hasId(type: TypeExpression | undefined): boolean {
  return type === undefined || (type.kind === 'object' && type.fields.some((field) => field.name === 'id'));
}

function readSignature(script: Script, key: 'input' | 'returns', models: Models): TypeExpression | undefined {
  const entry = script.keys.get(key);
  if (entry === undefined || (isScalar(entry.value) && scalarText(entry.value) === '')) return undefined;
  const reading = { source: script.source, models, words: 'mistake' } as const;
  const what = `${key} of action '${script.name}'`;
  if (key === 'input' || !isSeq(entry.value)) return readType(reading, entry.value, what, entry.offset);
  // `returns: [A, B]` lists what may come back; it is not the list type that the same form means inside a model.
  const members = (entry.value.items as Node[]).map((item) => readType(reading, item, what, entry.offset));
  const known = members.filter((member) => member !== undefined);
  return known.length === 0 ? undefined : unionOf(known);
}

function readText(script: Script, key: string, expected: string): string | undefined {
  const entry = script.keys.get(key);
  if (entry === undefined) return undefined;
  if (isScalar(entry.value) && scalarText(entry.value) !== '') return scalarText(entry.value).trim();
  if (key === 'description' && isScalar(entry.value)) return undefined;
  reject(
    script.source,
    valueOffset(script, key),
    `${key} of '${script.name}' is ${describe(entry.value)}: expected ${expected}`,
  );
  return undefined;
}

function readBoolean(script: Script, key: string): boolean | undefined {
  const text = readOneOf(script, key, ['true', 'false']);
  return text === undefined ? undefined : text === 'true';
}

function readOneOf<const Choice extends string>(
  script: Script,
  key: string,
  choices: readonly Choice[],
): Choice | undefined {
  const entry = script.keys.get(key);
  if (entry === undefined) return undefined;
  const text = isScalar(entry.value) ? scalarText(entry.value).trim().toLowerCase() : undefined;
  const choice = choices.find((candidate) => candidate === text);
  if (choice !== undefined) return choice;
  reject(
    script.source,
    valueOffset(script, key),
    `${key} of '${script.name}' is ${describe(entry.value)}: expected '${choices.join("' or '")}'`,
  );
  return undefined;
}

function valueOffset(script: Script, key: string): number {
  const entry = script.keys.get(key);
  return offsetOf(entry?.value ?? null, entry?.offset ?? script.entry.offset);
}

function warnOfUnknownKeys(script: Script): void {
  for (const [key, entry] of script.keys) {
    if ((V1_KEYS as readonly string[]).includes(key)) continue;
    warn(
      script.source,
      entry.offset,
      `key '${key.slice(0, 80)}' of '${script.name}' is not known and has no effect: expected one of ${V1_KEYS.join(', ')}`,
    );
  }
}
