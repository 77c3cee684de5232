/** What a deployment changes: one pure function, behind the preview and the deployment itself. */
import type { ScriptBundle } from '../contract/script.ts';
import type { IntegrationReach } from '../store/integrations.ts';
import type { Script } from '../store/scripts.ts';
import { bundleOf } from './bundle.ts';
import type { DeployedScript } from './deploy-body.ts';

export type PlannedScript = {
  readonly script: DeployedScript;
  readonly bundle: ScriptBundle;
  readonly integration: IntegrationReach;
  readonly change: 'added' | 'updated' | 'unchanged';
  readonly existing: Script | undefined;
  readonly version: string;
};

export type DeployPlan = {
  readonly scripts: readonly PlannedScript[];
  readonly deleted: readonly Script[];
  /** Models that no sync of their integration would save any more. */
  readonly deletedModels: readonly string[];
};

export type DeployScope = {
  /** Remove what is deployed and not named. */
  readonly reconcile: boolean;
  /** Removing is limited to the integrations named. */
  readonly namedIntegrationsOnly: boolean;
  /** On-event scripts are left as they are. */
  readonly keepsEvents: boolean;
};

/** @param integrations those of the environment; every script's must be among them. */
export function planDeployment(
  scripts: readonly DeployedScript[],
  scope: DeployScope,
  present: { readonly scripts: readonly Script[]; readonly integrations: readonly IntegrationReach[] },
): DeployPlan {
  const existing = new Map(present.scripts.map((script) => [identity(script), script]));
  const integrations = new Map(present.integrations.map((integration) => [integration.uniqueKey, integration]));
  const planned = scripts.flatMap((script) => {
    const integration = integrations.get(script.providerConfigKey);
    return integration === undefined ? [] : [planScript(script, integration, existing.get(identity(script)))];
  });
  const deleted = scope.reconcile ? missing(scripts, present.scripts, scope) : [];
  return { scripts: planned, deleted, deletedModels: deletedModels(planned, deleted, present.scripts) };
}

/** Integrations that scripts name and that do not exist, each once. */
export function missingIntegrations(
  scripts: readonly DeployedScript[],
  present: readonly IntegrationReach[],
): string[] {
  const known = new Set(present.map((integration) => integration.uniqueKey));
  return [...new Set(scripts.map((script) => script.providerConfigKey))].filter((key) => !known.has(key));
}

function planScript(
  script: DeployedScript,
  integration: IntegrationReach,
  existing: Script | undefined,
): PlannedScript {
  const bundle = bundleOf({ js: script.js, file: fileOf(script) });
  if (existing === undefined) {
    return { script, bundle, integration, existing, change: 'added', version: script.version ?? '0.0.1' };
  }
  const change = isSame(script, bundle, existing) ? 'unchanged' : 'updated';
  const counted = change === 'unchanged' ? existing.version : nextVersion(existing.version);
  return { script, bundle, integration, existing, change, version: script.version ?? counted };
}

/** The author's file when the source map does not tell. */
function fileOf(script: DeployedScript): string {
  const folder = isFlow(script) ? `${script.kind}s` : 'on-events';
  return `${script.providerConfigKey}/${folder}/${script.name}.ts`;
}

/** Whether it is a sync or an action, not a script for an event. */
export function isFlow({ kind }: Pick<Script, 'kind'>): boolean {
  return kind === 'sync' || kind === 'action';
}

function isSame(script: DeployedScript, bundle: ScriptBundle, existing: Script): boolean {
  return (
    bundle.hash === existing.codeHash &&
    JSON.stringify(script.models) === JSON.stringify(existing.models) &&
    script.runs === existing.runs &&
    script.syncType === existing.syncType &&
    script.trackDeletes === existing.trackDeletes &&
    script.deletionGuard === existing.deletionGuard &&
    script.validation === existing.validation &&
    script.autoStart === existing.autoStart &&
    script.inputModel === existing.inputModel &&
    JSON.stringify(script.webhookSubscriptions) === JSON.stringify(existing.webhookSubscriptions) &&
    script.description === existing.description &&
    (script.version === undefined || script.version === existing.version)
  );
}

/** The last number of a version plus one: `3` → `4`, `0.0.9` → `0.0.10`. */
function nextVersion(version: string): string {
  return version.replace(/\d+$/, (last) => String(BigInt(last) + 1n));
}

function missing(scripts: readonly DeployedScript[], present: readonly Script[], scope: DeployScope): Script[] {
  const named = new Set(scripts.map(identity));
  const integrations = new Set(scripts.map((script) => script.providerConfigKey));
  return present.filter(
    (script) =>
      !named.has(identity(script)) &&
      (isFlow(script) || !scope.keepsEvents) &&
      (!scope.namedIntegrationsOnly || integrations.has(script.providerConfigKey)),
  );
}

function deletedModels(
  planned: readonly PlannedScript[],
  deleted: readonly Script[],
  present: readonly Script[],
): string[] {
  const after = new Map<string, Producer>(present.map((script) => [identity(script), script]));
  for (const script of deleted) after.delete(identity(script));
  for (const { script } of planned) after.set(identity(script), script);
  const kept = new Set([...after.values()].flatMap(modelKeys));
  const gone = present.filter((script) => !modelKeys(script).every((key) => kept.has(key)));
  const names = gone.flatMap((script) => script.models.filter((model) => !kept.has(modelKey(script, model))));
  return [...new Set(names)].sort();
}

type Producer = Pick<Script, 'providerConfigKey' | 'kind' | 'name' | 'models'>;

// What an action answers is stored nowhere, so only syncs have models to lose.
function modelKeys(script: Producer): string[] {
  return script.kind === 'sync' ? script.models.map((model) => modelKey(script, model)) : [];
}

function modelKey(script: Producer, model: string): string {
  return JSON.stringify([script.providerConfigKey, model]);
}

function identity(script: Omit<Producer, 'models'>): string {
  return JSON.stringify([script.providerConfigKey, script.kind, script.name]);
}
