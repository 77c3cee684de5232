import { forgetFailures } from '../store/back-off.ts';
import { EngineError } from '../contract/failures.ts';
import type { AllocatedRun } from '../contract/engine.ts';
import { type Actor, addAuditEntry } from '../store/audit-log.ts';
import { type Queryable, withTransaction } from '../store/db.ts';
import type { Environment } from '../store/environments.ts';
import { integrationReach } from '../store/integrations.ts';
import { lockDeployedSyncs, tryLockDeployment } from '../store/locks.ts';
import { addMissingSyncs } from '../store/missing-syncs.ts';
import { bundleHashOf, deleteScripts, listScripts, saveBundle, saveScript, saveSource } from '../store/scripts.ts';
import { reviseSyncsOf } from '../store/syncs.ts';
import { type DeployBody, type DeployedScript, deployModeOf, namesEvents, scriptsOf } from './deploy-body.ts';
import { type DeployPlan, missingIntegrations, type PlannedScript, planDeployment } from './deploy-plan.ts';
import type { ApiDeps } from './deps.ts';
import { unknownIntegrations } from './known.ts';

export type SavedScript = PlannedScript & { readonly id: string };
export type Deployment = {
  readonly scripts: readonly SavedScript[];
  readonly deleted: DeployPlan['deleted'];
  readonly firstRuns: readonly AllocatedRun[];
};

/** Far more than ever lies between two statements of a deployment. */
const LONGEST_PAUSE_MS = 60_000;

/** What the deployment would change. @throws EngineError as `deploy`. */
export async function previewDeployment(
  deps: ApiDeps,
  environment: Environment,
  body: DeployBody,
): Promise<DeployPlan> {
  // Published command lines ask with `reconcile: false` and then deploy with `true`: what they are shown is what they do.
  return plan(deps.db, environment, { ...body, reconcile: true }, scriptsOf(body));
}

/**
 * Makes the environment run these scripts, all of them or none: bundles, definitions, syncs of every connection and
 * their first runs in one transaction.
 * @throws EngineError `invalid_body`, `unknown_provider_config` naming every missing integration, and
 * `concurrent_deployment` while another deployment of the environment is under way.
 */
export async function deploy(
  deps: ApiDeps,
  environment: Environment,
  body: DeployBody,
  actor: Actor,
): Promise<Deployment> {
  const scripts = scriptsOf(body);
  return withTransaction(deps.db, async (db) => {
    // A process that freezes or loses its network in here must not keep others from deploying.
    await db.query(`set local idle_in_transaction_session_timeout = ${LONGEST_PAUSE_MS}`);
    if (!(await tryLockDeployment(db, environment.id))) throw concurrent(environment);
    await lockDeployedSyncs(db, environment.id, 'writer');
    const { scripts: planned, deleted } = await plan(db, environment, body, scripts);
    await deleteScripts(
      db,
      deleted.map((script) => script.id),
    );
    const saved: SavedScript[] = [];
    for (const script of planned) saved.push({ ...script, id: await savePlanned(db, deps, environment, script) });
    const updated = saved.filter((script) => script.change === 'updated');
    const scriptIds = updated.map((script) => script.id);
    await reviseSyncsOf(db, scriptIds);
    await forgetFailures(db, { scriptIds });
    await noteDeployment(db, { environment, actor, at: deps.clock() }, saved, deleted);
    return {
      scripts: saved,
      deleted,
      firstRuns: await addMissingSyncs(db, deps, { environmentId: environment.id, connectionRow: null }),
    };
  });
}

async function noteDeployment(
  db: Queryable,
  how: { environment: Environment; actor: Actor; at: Date },
  saved: readonly SavedScript[],
  deleted: DeployPlan['deleted'],
): Promise<void> {
  const named = (change: PlannedScript['change']) =>
    saved.filter((each) => each.change === change).map(({ script }) => `${script.providerConfigKey}/${script.name}`);
  const [added, updated] = [named('added'), named('updated')];
  const removed = deleted.map((script) => `${script.providerConfigKey}/${script.name}`);
  if (added.length + updated.length + removed.length === 0) return;
  await addAuditEntry(db, {
    ...{ environmentId: how.environment.id, actor: how.actor, at: how.at, action: 'deployment' },
    subject: how.environment.name,
    detail: { added, updated, deleted: removed },
  });
}

async function plan(
  db: Queryable,
  environment: Environment,
  body: DeployBody,
  scripts: readonly DeployedScript[],
): Promise<DeployPlan> {
  const integrations = await integrationReach(db, environment.id);
  const unknown = missingIntegrations(scripts, integrations);
  if (unknown.length > 0) throw unknownIntegrations(environment, unknown);
  const mode = deployModeOf(body);
  const scope = {
    // Published command lines say `reconcile: true` also of single scripts, where it must remove nothing.
    reconcile: body.reconcile && mode !== 'single',
    namedIntegrationsOnly: mode === 'integration',
    keepsEvents: !namesEvents(body),
  };
  return planDeployment(scripts, scope, { integrations, scripts: await listScripts(db, environment.id) });
}

async function savePlanned(
  db: Queryable,
  deps: ApiDeps,
  environment: Environment,
  planned: PlannedScript,
): Promise<string> {
  const { script, bundle, integration, version, existing, change } = planned;
  const isKept = change === 'unchanged' && existing !== undefined;
  if (isKept && existing.bundleHash === bundleHashOf(bundle)) return existing.id;
  const at = deps.clock();
  const bundleHash = await saveBundle(db, bundle, at);
  if (isKept) {
    await saveSource(db, { id: existing.id, bundleHash, source: script.source });
    return existing.id;
  }
  const { providerConfigKey: _, js: __, ...definition } = script;
  return saveScript(db, {
    ...definition,
    environmentId: environment.id,
    integrationId: integration.id,
    version,
    bundleHash,
    at,
  });
}

function concurrent(environment: Environment): EngineError {
  return new EngineError(
    'concurrent_deployment',
    `Another deployment to environment '${environment.name}' is under way: try again when it has finished.`,
  );
}
