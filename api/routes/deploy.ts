import { Router } from 'express';
import type { AllocatedRun } from '../../contract/engine.ts';
import type { Environment } from '../../store/environments.ts';
import type { Script } from '../../store/scripts.ts';
import { listSyncs, type Sync } from '../../store/syncs.ts';
import { actorOf } from '../actor.ts';
import { json } from '../answer.ts';
import { deploy, previewDeployment, type SavedScript } from '../deploy.ts';
import { DEPLOY } from '../deploy-body.ts';
import { type DeployPlan, isFlow, type PlannedScript } from '../deploy-plan.ts';
import type { ApiDeps } from '../deps.ts';
import type { Route } from '../route.ts';
import { nextRunOf } from '../sync-status.ts';
import { tellEngine } from '../tell-engine.ts';

/** Enough to show that a deployment reached its connections; `GET /runs` has the rest. */
const FIRST_RUNS_SHOWN = 100;

export function deployRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.post(
    '/sync/deploy/confirmation',
    route({
      body: DEPLOY,
      handle: async ({ environment, body }) => json(planView(await previewDeployment(deps, environment, body))),
    }),
  );
  router.post(
    '/sync/deploy',
    route({
      body: DEPLOY,
      handle: async ({ environment, body, request }) => {
        const { scripts, deleted, firstRuns } = await deploy(deps, environment, body, actorOf(request));
        // Schedules to remove are of no script any more, so that nobody can tell whether they are gone but the engine.
        await tellEngine(deps, deleted.length > 0 ? undefined : { scriptIds: scripts.map(({ id }) => id) });
        const syncs = await syncsOf(deps, environment, scripts);
        // Clients expect syncs and actions here; what there is for events is in the plan.
        const flows = scripts.filter(({ script }) => isFlow(script));
        return json(await Promise.all(flows.map((script) => scriptView(deps, script, syncs, firstRuns))));
      },
    }),
  );
  return router;
}

function planView({ scripts, deleted, deletedModels }: DeployPlan) {
  const planned = (kind: Script['kind'], change: PlannedScript['change']) =>
    scripts.filter((each) => each.change === change && each.script.kind === kind).map(plannedView);
  const plannedEvents = (change: PlannedScript['change']) =>
    scripts.filter((each) => each.change === change && !isFlow(each.script)).map(({ script }) => eventView(script));
  const removed = (kind: Script['kind']) => deleted.filter((script) => script.kind === kind).map(removedView);
  return {
    newSyncs: planned('sync', 'added'),
    updatedSyncs: planned('sync', 'updated'),
    unchangedSyncs: planned('sync', 'unchanged'),
    deletedSyncs: removed('sync'),
    newActions: planned('action', 'added'),
    updatedActions: planned('action', 'updated'),
    unchangedActions: planned('action', 'unchanged'),
    deletedActions: removed('action'),
    newOnEventScripts: plannedEvents('added'),
    updatedOnEventScripts: plannedEvents('updated'),
    deletedOnEventScripts: deleted.filter((script) => !isFlow(script)).map(eventView),
    deletedModels,
  };
}

function eventView({ name, kind, providerConfigKey }: Pick<Script, 'name' | 'kind' | 'providerConfigKey'>) {
  return { name, providerConfigKey, event: kind };
}

function plannedView({ script, integration, existing, version }: PlannedScript) {
  return {
    ...(existing && { id: Number(existing.id) }),
    name: script.name,
    providerConfigKey: script.providerConfigKey,
    auto_start: script.autoStart,
    connections: integration.connections,
    enabled: true,
    version,
    models: script.models,
    runs: script.runs,
  };
}

function removedView(script: Script) {
  return {
    id: Number(script.id),
    name: script.name,
    providerConfigKey: script.providerConfigKey,
    auto_start: script.autoStart,
    connections: script.connections,
    enabled: true,
  };
}

async function syncsOf(deps: ApiDeps, environment: Environment, scripts: readonly SavedScript[]): Promise<Sync[]> {
  const names = scripts.filter(({ script }) => script.kind === 'sync').map(({ script }) => script.name);
  if (names.length === 0) return [];
  return listSyncs(deps.db, { environmentId: environment.id, providerConfigKey: null, connectionId: null, names });
}

async function scriptView(deps: ApiDeps, saved: SavedScript, all: readonly Sync[], firstRuns: readonly AllocatedRun[]) {
  const { script } = saved;
  const syncs = all.filter((sync) => sync.scriptId === saved.id);
  const first = syncs.find((sync) => !sync.paused);
  const connectionOf = new Map(syncs.map((sync) => [sync.id, sync.connectionId]));
  const started = firstRuns.filter((run) => connectionOf.has(run.syncId)).slice(0, FIRST_RUNS_SHOWN);
  return {
    id: Number(saved.id),
    name: script.name,
    version: saved.version,
    providerConfigKey: script.providerConfigKey,
    type: script.kind,
    models: script.models,
    runs: script.runs,
    change: saved.change,
    connections: saved.integration.connections,
    firstRuns: started.map(({ runId, syncId, workflowId }) => ({
      connectionId: connectionOf.get(syncId),
      runId,
      link: deps.engine.linkTo({ workflowId, workflowRunId: null }),
    })),
    nextRunAt: first === undefined ? null : ((await nextRunOf(deps, first))?.toISOString() ?? null),
  };
}
