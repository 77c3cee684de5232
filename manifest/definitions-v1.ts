import type { Entry, Source } from './document.ts';
import { entriesOf, offsetOf, reject, warn } from './document.ts';
import type { ActionDefinition, Integration, SyncDefinition } from './manifest.ts';
import { refuseTrackDeletes } from './not-yet.ts';
import { readReturnedModels } from './returned-models.ts';
import {
  noteUnknownKeys,
  openScript,
  readBoolean,
  readCore,
  readOneOf,
  readRuns,
  type Script,
  valueOffset,
} from './script-keys.ts';
import { readV1Signature } from './signatures.ts';
import type { Models } from './type-node.ts';

const KEYS = ['type', 'runs', 'returns', 'description', 'input', 'track_deletes', 'auto_start', 'version'] as const;

/** Reads an integration of a v1 file: `<script>: { type, runs, returns, … }` (facts: section 2.2). */
export function readV1Integration(source: Source, entry: Entry, models: Models): Integration {
  const scripts = entriesOf(source, entry.value, `integration '${entry.key}'`, offsetOf(entry.value, entry.offset));
  const syncs: SyncDefinition[] = [];
  const actions: ActionDefinition[] = [];
  for (const one of scripts ?? []) {
    const script = openScript(source, one);
    if (script === undefined) continue;
    noteUnknownKeys(script, KEYS, 'v1');
    const kind = script.keys.has('type') ? readOneOf(script, 'type', ['sync', 'action']) : 'sync';
    if (kind === 'action') actions.push(readAction(script, models));
    const sync = kind === 'sync' ? readSync(script, models) : undefined;
    if (sync !== undefined) syncs.push(sync);
  }
  return { name: entry.key, syncs, actions, onEvents: [] };
}

function readSync(script: Script, models: Models): SyncDefinition | undefined {
  const frequency = readRuns(script, 'v1');
  const returned = readReturnedModels(script, 'returns', models);
  const trackDeletes = readBoolean(script, 'track_deletes') ?? false;
  if (trackDeletes) reject(script.source, keyOffset(script, 'track_deletes'), refuseTrackDeletes(script.name));
  const autoStart = readBoolean(script, 'auto_start') ?? true;
  const core = readCore(script);
  if (frequency === undefined || returned === undefined) return undefined;
  return {
    ...core,
    ...frequency,
    returns: returned.map((model) => model.name),
    trackDeletes,
    autoStart,
    // In v1 the only way to ask for a full refresh is to have deletions found by comparison.
    syncType: trackDeletes ? 'full' : 'incremental',
    ...{ endpoints: [], scopes: [], webhookSubscriptions: [] },
  };
}

function readAction(script: Script, models: Models): ActionDefinition {
  const { source, name, keys } = script;
  if (keys.has('runs')) {
    const message = `runs of action '${name}' has no effect: actions run when they are called; remove the line`;
    warn(source, keyOffset(script, 'runs'), message);
  }
  const input = readV1Signature(script, 'input', models);
  const output = readV1Signature(script, 'returns', models);
  return {
    ...readCore(script),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    scopes: [],
  };
}

function keyOffset(script: Script, key: string): number {
  return script.keys.get(key)?.offset ?? valueOffset(script, key);
}
