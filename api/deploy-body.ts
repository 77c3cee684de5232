import { z } from 'zod';
import { ON_EVENTS, type OnEvent } from '../contract/on-events.ts';
import type { InputFault } from '../contract/failures.ts';
import { DEFAULT_GUARD } from '../manifest/deletion-guard.ts';
import { parseFrequency } from '../manifest/frequency.ts';
import { type ScriptTerms, VALIDATION_MODES } from '../store/scripts.ts';
import { invalidPart } from './invalid.ts';
import { freeText, integrationKey, jsonObject, modelName, scriptName } from './schemas.ts';

const version = z
  .union([z.string(), z.number().int().nonnegative()])
  .transform(String)
  .refine(
    (text) => /^(\d+|\d+\.\d+\.\d+)$/.test(text) && text.length <= 50,
    "expected a whole number or a version such as '1.0.0'",
  );

/** One script as the command line sends it. Keys of other generations of clients that mean nothing here are let through. */
const SCRIPT = z.looseObject({
  type: z.enum(['sync', 'action']),
  syncName: scriptName,
  providerConfigKey: integrationKey,
  models: z.array(modelName).default([]),
  runs: freeText.nullish(),
  // Earlier command lines send an empty one where nothing is said.
  version: z.union([z.literal('').transform(() => undefined), version]).nullish(),
  track_deletes: z.boolean().default(false),
  /** What becomes of saved records that differ from their model. */
  validation: z.enum(VALIDATION_MODES).default('warn'),
  /** The share of its records that a comparison may delete without a confirmation; 1 for any. */
  deletion_guard: z.number().min(0).max(1).default(DEFAULT_GUARD),
  auto_start: z.boolean().nullish(),
  metadata: z.looseObject({ description: freeText.max(2_000).nullish() }).nullish(),
  input: z.union([freeText.max(255), z.looseObject({ name: freeText.max(255) })]).nullish(),
  sync_type: z
    .string()
    .transform((text) => text.toLowerCase())
    .pipe(z.enum(['full', 'incremental']))
    .nullish(),
  fileBody: z.looseObject({ js: freeText.min(1, 'expected the compiled script'), ts: freeText.nullish() }),
  models_json_schema: jsonObject.nullish(),
  webhookSubscriptions: z.array(freeText.max(255)).max(1_000).nullish(),
});

const EVENT_SCRIPT = z.looseObject({
  name: scriptName,
  event: z.enum(ON_EVENTS),
  fileBody: SCRIPT.shape.fileBody,
});

export const DEPLOY = z.strictObject({
  flowConfigs: z.array(SCRIPT).max(10_000),
  onEventScriptsByProvider: z
    .array(z.looseObject({ providerConfigKey: integrationKey, scripts: z.array(EVENT_SCRIPT).max(1_000) }))
    .max(10_000)
    .nullish(),
  // What earlier clients had: scripts of one event only.
  postConnectionScriptsByProvider: z
    .array(
      z.looseObject({
        providerConfigKey: integrationKey,
        scripts: z.array(EVENT_SCRIPT.omit({ event: true })).max(1_000),
      }),
    )
    .max(10_000)
    .nullish(),
  nangoYamlBody: z.string().nullish(),
  reconcile: z.boolean().default(false),
  debug: z.boolean().optional(),
  singleDeployMode: z.boolean().optional(),
  deployMode: z.enum(['all', 'integration', 'single']).optional(),
  jsonSchema: z.unknown().optional(),
  sdkVersion: z.string().nullish(),
  source: z.string().nullish(),
});

export type DeployBody = z.output<typeof DEPLOY>;

/** What the deployment stands for. Before 0.70 there was only a flag, which one script and one integration share. */
export function deployModeOf({ deployMode, singleDeployMode }: DeployBody): 'all' | 'integration' | 'single' {
  return deployMode ?? (singleDeployMode === true ? 'single' : 'all');
}

/** A script of a deployment, checked and in our words. */
export type DeployedScript = ScriptTerms & {
  readonly providerConfigKey: string;
  readonly js: string;
  readonly source: string | null;
  readonly jsonSchema: unknown;
  /** Undefined: the server counts. */
  readonly version: string | undefined;
};

/** @throws EngineError `invalid_body` with every mistake that the shape alone does not show. */
export function scriptsOf(body: DeployBody): DeployedScript[] {
  const faults: InputFault[] = [];
  const seen = new Set<string>();
  const scripts = body.flowConfigs.map((config, index) => {
    const path = ['flowConfigs', index] as const;
    const name = `${config.type} '${config.syncName}' of integration '${config.providerConfigKey}'`;
    const identity = JSON.stringify([config.providerConfigKey, config.type, config.syncName]);
    if (seen.has(identity))
      faults.push({ code: 'duplicate', message: `${name} appears twice`, path: [...path, 'syncName'] });
    seen.add(identity);
    const options = { path, faults, isV1: isV1Yaml(body.nangoYamlBody ?? '') };
    return config.type === 'sync' ? syncOf(config, name, options) : actionOf(config);
  });
  for (const [index, script] of eventScriptsOf(body).entries()) {
    const name = `script '${script.name}' for ${script.kind} of integration '${script.providerConfigKey}'`;
    const identity = JSON.stringify([script.providerConfigKey, script.kind, script.name]);
    const path = ['onEventScriptsByProvider', index];
    if (seen.has(identity)) faults.push({ code: 'duplicate', message: `${name} appears twice`, path });
    seen.add(identity);
    scripts.push(script);
  }
  if (faults.length > 0) throw invalidPart('invalid_body', 'body', faults);
  return scripts;
}

/** Whether the body says what there is for events; one that does not leaves those scripts as they are. */
export function namesEvents({ onEventScriptsByProvider, postConnectionScriptsByProvider }: DeployBody): boolean {
  return Boolean(onEventScriptsByProvider ?? postConnectionScriptsByProvider);
}

function eventScriptsOf(body: DeployBody): DeployedScript[] {
  type Sent = Pick<z.output<typeof EVENT_SCRIPT>, 'name' | 'fileBody'>;
  const scriptOf = (providerConfigKey: string, { name, fileBody }: Sent, kind: OnEvent): DeployedScript => ({
    ...{ providerConfigKey, kind, name, js: fileBody.js, source: fileBody.ts ?? null, description: null, models: [] },
    ...{ runs: null, intervalMs: null, syncType: null, trackDeletes: false, deletionGuard: DEFAULT_GUARD },
    ...{
      validation: 'off',
      autoStart: false,
      inputModel: null,
      jsonSchema: undefined,
      version: undefined,
      webhookSubscriptions: [],
    },
  });
  return [
    ...(body.onEventScriptsByProvider ?? []).flatMap(({ providerConfigKey, scripts }) =>
      scripts.map((script) => scriptOf(providerConfigKey, script, script.event)),
    ),
    ...(body.postConnectionScriptsByProvider ?? []).flatMap(({ providerConfigKey, scripts }) =>
      scripts.map((script) => scriptOf(providerConfigKey, script, 'post-connection-creation')),
    ),
  ];
}

type Config = DeployBody['flowConfigs'][number];

// Command lines of the v1 era call every sync incremental; in a v1 file track_deletes alone means a full refresh.
function isV1Yaml(text: string): boolean {
  return text.trim() !== '' && !/^\s+(syncs|actions|on-events|post-connection-scripts)\s*:\s*$/m.test(text);
}

function syncOf(
  config: Config,
  name: string,
  options: { readonly path: readonly (string | number)[]; readonly faults: InputFault[]; readonly isV1: boolean },
): DeployedScript {
  const { path, faults } = options;
  const frequency = parseFrequency(config.runs ?? '', 'v2');
  if ('fault' in frequency) {
    const message = `${name} runs '${config.runs ?? ''}': ${frequency.fault}`;
    faults.push({ code: 'sync_interval_invalid', message, path: [...path, 'runs'] });
  }
  const isV1 = options.isV1 && config.track_deletes;
  if (config.track_deletes && config.sync_type === 'incremental' && !isV1) {
    const message = `${name} has track_deletes: true with sync_type: incremental, which does not fetch what it would compare; expected sync_type: full`;
    faults.push({ code: 'track_deletes_incremental', message, path: [...path, 'track_deletes'] });
  }
  const syncType = config.track_deletes ? 'full' : (config.sync_type ?? 'incremental');
  const { runs, intervalMs } = 'fault' in frequency ? { runs: null, intervalMs: null } : frequency;
  return { ...sharedParts(config), kind: 'sync', runs, intervalMs, syncType };
}

function actionOf(config: Config): DeployedScript {
  return { ...sharedParts(config), kind: 'action', runs: null, intervalMs: null, syncType: null };
}

function sharedParts(config: Config): Omit<DeployedScript, 'kind' | 'runs' | 'intervalMs' | 'syncType'> {
  return {
    providerConfigKey: config.providerConfigKey,
    name: config.syncName,
    js: config.fileBody.js,
    source: config.fileBody.ts ?? null,
    description: config.metadata?.description ?? null,
    models: config.models,
    trackDeletes: config.track_deletes,
    deletionGuard: config.deletion_guard,
    validation: config.validation,
    autoStart: config.auto_start ?? true,
    inputModel: typeof config.input === 'string' ? config.input : (config.input?.name ?? null),
    jsonSchema: config.models_json_schema ?? undefined,
    webhookSubscriptions: config.webhookSubscriptions ?? [],
    version: config.version ?? undefined,
  };
}
