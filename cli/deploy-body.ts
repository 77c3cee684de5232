/** The body of `POST /sync/deploy` (facts: section 4.4). Pure. */
import { schemaOfScript } from '../manifest/json-schema.ts';
import type { Model, TypeExpression } from '../manifest/manifest.ts';
import { packForDeploy } from '../sandbox/compile.ts';
import type { CompiledProject, CompiledScript } from './build.ts';

export type DeployScope = {
  /** What the project no longer has is removed: everywhere, within the one integration, or not at all. */
  readonly mode: 'all' | 'integration' | 'single';
  /** For all scripts, over what the project says. */
  readonly version?: string | undefined;
};

/** Builds the body from compiled scripts; `cliVersion` names the tool that built them. */
export function deployBody(project: CompiledProject, scope: DeployScope, cliVersion: string) {
  const { models } = project.manifest;
  return {
    flowConfigs: project.scripts.flatMap((script) =>
      script.kind === 'on-event' ? [] : [flowConfig(script, models, scope.version)],
    ),
    onEventScriptsByProvider: eventScripts(project.scripts),
    nangoYamlBody: project.manifestText,
    // For one integration the server looks for what is missing in that integration alone.
    reconcile: scope.mode !== 'single',
    deployMode: scope.mode,
    debug: false,
    sdkVersion: `${cliVersion}-${project.form === 'yaml' ? 'yaml' : 'zero'}`,
  };
}

/** Scripts for events by integration, in the project's order; an integration without any is left out. */
function eventScripts(scripts: readonly CompiledScript[]) {
  const byIntegration = new Map<string, object[]>();
  for (const script of scripts) {
    if (script.kind !== 'on-event') continue;
    const { name, event } = script.definition;
    const sent = { name, event, fileBody: { js: packForDeploy(script.bundle), ts: script.source } };
    byIntegration.set(script.integration, [...(byIntegration.get(script.integration) ?? []), sent]);
  }
  return [...byIntegration].map(([providerConfigKey, scripts]) => ({ providerConfigKey, scripts }));
}

type Flow = Exclude<CompiledScript, { kind: 'on-event' }>;

function flowConfig(script: Flow, models: readonly Model[], version: string | undefined) {
  const { definition } = script;
  const chosen = version ?? definition.version;
  const types = typesOf(script);
  const common = {
    type: script.kind,
    syncName: definition.name,
    providerConfigKey: script.integration,
    metadata: { description: definition.description ?? '', scopes: definition.scopes ?? [] },
    fileBody: { js: packForDeploy(script.bundle), ts: script.source },
    endpoints: definition.endpoints ?? [],
    models_json_schema: definition.schema ?? schemaOfScript(models, types.models, types.anonymous),
    ...(types.input === undefined ? {} : { input: types.input }),
    ...(chosen === undefined ? {} : { version: chosen }),
  };
  if (script.kind === 'action') {
    return { ...common, runs: null, models: types.models, track_deletes: false, auto_start: false };
  }
  const sync = script.definition;
  return {
    ...common,
    runs: sync.runs,
    models: types.models,
    track_deletes: sync.trackDeletes,
    auto_start: sync.autoStart,
    sync_type: sync.syncType,
    ...(sync.webhookSubscriptions === undefined ? {} : { webhookSubscriptions: sync.webhookSubscriptions }),
  };
}

type Types = {
  readonly models: readonly string[];
  readonly input: string | undefined;
  readonly anonymous: readonly (readonly [string, TypeExpression])[];
};

/** The names by which the server knows a script's types; a type that is no model gets one (facts: section 2.5). */
function typesOf(script: Flow): Types {
  const { definition } = script;
  const anonymous: [string, TypeExpression][] = [];
  const name = (type: TypeExpression, side: 'input' | 'output'): string => {
    if (type.kind === 'model') return type.name;
    const made = `Anonymous_${script.integration}_${script.kind}_${definition.name}_${side}`;
    anonymous.push([made.replace(/[^a-zA-Z0-9_]/g, '_'), type]);
    return made.replace(/[^a-zA-Z0-9_]/g, '_');
  };
  const input = definition.input === undefined ? undefined : name(definition.input, 'input');
  if (script.kind === 'sync') return { models: script.definition.returns, input, anonymous };
  const { output } = script.definition;
  const outputs = output === undefined ? [] : output.kind === 'union' ? output.members : [output];
  const areModels = outputs.every((type) => type.kind === 'model');
  const models =
    output === undefined || areModels ? outputs.map((type) => name(type, 'output')) : [name(output, 'output')];
  return { models, input, anonymous };
}
