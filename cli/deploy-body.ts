/** The body of `POST /sync/deploy` (facts: section 4.4). Pure. */
import type { TypeExpression } from '../manifest/manifest.ts';
import { packForDeploy } from '../sandbox/compile.ts';
import type { CompiledProject, CompiledScript } from './compile.ts';

export type DeployScope = {
  /** What the project no longer has is removed: everywhere, within the one integration, or not at all. */
  readonly mode: 'all' | 'integration' | 'single';
  /** For all scripts, over what nango.yaml says. */
  readonly version?: string | undefined;
};

/** Builds the body from compiled scripts; `cliVersion` names the tool that built them. */
export function deployBody(project: CompiledProject, scope: DeployScope, cliVersion: string) {
  return {
    flowConfigs: project.scripts.map((script) => flowConfig(script, scope.version)),
    nangoYamlBody: project.manifestText,
    // For one integration the server looks for what is missing in that integration alone.
    reconcile: scope.mode !== 'single',
    deployMode: scope.mode,
    debug: false,
    sdkVersion: `${cliVersion}-yaml`,
  };
}

function flowConfig(script: CompiledScript, version: string | undefined) {
  const { definition } = script;
  const chosen = version ?? definition.version;
  const common = {
    type: script.kind,
    syncName: definition.name,
    providerConfigKey: script.integration,
    metadata: { description: definition.description ?? '', scopes: [] },
    fileBody: { js: packForDeploy(script.bundle), ts: script.source },
    ...(chosen === undefined ? {} : { version: chosen }),
  };
  if (script.kind === 'action') {
    const { input, output } = script.definition;
    return {
      ...common,
      runs: null,
      models: output === undefined ? [] : modelNames(output),
      track_deletes: false,
      auto_start: false,
      ...(input?.kind === 'model' ? { input: input.name } : {}),
    };
  }
  const sync = script.definition;
  return {
    ...common,
    runs: sync.runs,
    models: sync.returns,
    track_deletes: sync.trackDeletes,
    auto_start: sync.autoStart,
    sync_type: sync.syncType,
  };
}

function modelNames(type: TypeExpression): string[] {
  if (type.kind === 'model') return [type.name];
  if (type.kind === 'array') return modelNames(type.element);
  return type.kind === 'union' ? type.members.flatMap(modelNames) : [];
}
