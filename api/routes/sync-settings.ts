import { forgetFailures } from '../../store/back-off.ts';
import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { parseFrequency } from '../../manifest/frequency.ts';
import { allocateSyncRun } from '../../store/allocation.ts';
import type { AllocatedRun } from '../../contract/engine.ts';
import { addAuditEntry } from '../../store/audit-log.ts';
import { withTransaction } from '../../store/db.ts';
import type { Environment } from '../../store/environments.ts';
import { lockDeployedSyncs } from '../../store/locks.ts';
import { openWorkflows } from '../../store/open-runs.ts';
import { findScript } from '../../store/scripts.ts';
import { addSync, countVariants, deleteSync, listSyncs, setFrequency, type Sync, syncById } from '../../store/syncs.ts';
import { actorOf } from '../actor.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidPart } from '../invalid.ts';
import { knownConnection } from '../known.ts';
import type { Route } from '../route.ts';
import { freeText, knownName, scriptName } from '../schemas.ts';
import { cancelWorkflows, tellEngine } from '../tell-engine.ts';

const BASE = 'base';
const MOST_VARIANTS = 100;

const FREQUENCY = z.strictObject({
  sync_name: knownName,
  sync_variant: knownName.optional(),
  provider_config_key: knownName,
  connection_id: knownName,
  frequency: freeText.max(200).nullable(),
});
const VARIANT = z.object({ name: scriptName, variant: scriptName });
const WHOSE = z.strictObject({ provider_config_key: knownName, connection_id: knownName });

/** What one connection has its own way: how often a sync runs for it, and variants of a sync. */
export function syncSettingRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.put(
    '/sync/update-connection-frequency',
    route({
      body: FREQUENCY,
      handle: async ({ environment, body }) => {
        const frequency = body.frequency === null ? null : readFrequency(body.frequency);
        const sync = await knownSync(deps, environment, body, body.sync_name, body.sync_variant ?? BASE);
        await setFrequency(deps.db, [sync.id], frequency);
        await forgetFailures(deps.db, { syncIds: [sync.id] });
        await tellEngine(deps);
        const { runs } = (await syncById(deps.db, sync.id)) ?? sync;
        return json({ frequency: runs });
      },
    }),
  );
  router.post(
    '/sync/:name/variant/:variant',
    route({
      params: VARIANT,
      body: WHOSE,
      handle: async ({ environment, params, body }) => {
        const { sync, firstRun } = await addVariant(deps, environment, { ...body, ...params });
        await tellEngine(deps);
        return json({ id: sync.id, name: sync.name, variant: sync.variant, run_id: firstRun?.runId ?? null });
      },
    }),
  );
  router.delete(
    '/sync/:name/variant/:variant',
    route({
      params: VARIANT,
      body: WHOSE,
      handle: async ({ environment, params, body, request }) => {
        refuseBase(params.variant);
        const sync = await knownSync(deps, environment, body, params.name, params.variant);
        const workflows = await withTransaction(deps.db, async (db) => {
          const open = await openWorkflows(db, { syncId: sync.id });
          await deleteSync(db, sync.id);
          await addAuditEntry(db, {
            ...{ environmentId: environment.id, actor: actorOf(request), at: deps.clock() },
            action: 'sync_variant.deleted',
            subject: `${sync.providerConfigKey}/${sync.connectionId}/${sync.name}::${sync.variant}`,
          });
          return open;
        });
        await cancelWorkflows(deps, workflows);
        await tellEngine(deps);
        return json({ success: true });
      },
    }),
  );
  return router;
}

type Whose = z.output<typeof WHOSE>;

function readFrequency(text: string): { runs: string; intervalMs: number } {
  const frequency = parseFrequency(text, 'v2');
  if (!('fault' in frequency)) return frequency;
  const message = `'${text}' is no frequency: ${frequency.fault}`;
  throw invalidPart('invalid_body', 'body', [{ code: 'sync_interval_invalid', message, path: ['frequency'] }]);
}

async function knownSync(
  deps: ApiDeps,
  environment: Environment,
  whose: Whose,
  name: string,
  variant: string,
): Promise<Sync> {
  const address = { providerConfigKey: whose.provider_config_key, connectionId: whose.connection_id };
  await knownConnection(deps.db, environment, address);
  const syncs = await listSyncs(deps.db, { environmentId: environment.id, ...address, names: [name] });
  const sync = syncs.find((one) => one.variant === variant);
  if (sync !== undefined) return sync;
  const shown = variant === BASE ? name : `${name}::${variant}`;
  throw new EngineError(
    'unknown_sync',
    `Unknown sync '${shown}' of connection '${address.connectionId}': GET /sync/status?syncs=*&provider_config_key=${encodeURIComponent(address.providerConfigKey)} lists them.`,
  );
}

/** The variant and, where syncs of this script start by themselves, its first run, which reconcile starts. */
async function addVariant(
  deps: ApiDeps,
  environment: Environment,
  wanted: Whose & z.output<typeof VARIANT>,
): Promise<{ readonly sync: Sync; readonly firstRun: AllocatedRun | undefined }> {
  refuseBase(wanted.variant);
  const { provider_config_key: providerConfigKey, connection_id: connectionId, name, variant } = wanted;
  const { id: connectionRow } = await knownConnection(deps.db, environment, { providerConfigKey, connectionId });
  return withTransaction(deps.db, async (db) => {
    await lockDeployedSyncs(db, environment.id, 'writer');
    const script = await findScript(db, { environmentId: environment.id, providerConfigKey, kind: 'sync', name });
    if (script === undefined)
      throw new EngineError(
        'unknown_sync',
        `Unknown sync '${name}' of integration '${providerConfigKey}': deploy it first.`,
      );
    if ((await countVariants(db, { connectionRow, scriptId: script.id })) >= MOST_VARIANTS)
      throw new EngineError(
        'resource_capped',
        `Sync '${name}' of connection '${connectionId}' has ${MOST_VARIANTS} variants, the most there may be: delete one first.`,
      );
    const address = {
      environment: environment.name,
      integration: providerConfigKey,
      connection: connectionId,
      sync: name,
      variant,
    };
    const { id: scriptId, autoStart } = script;
    const id = await addSync(db, environment.id, { ...address, connectionRow, scriptId, autoStart }, deps.clock());
    if (id === undefined)
      throw new EngineError(
        'sync_variant_already_exists',
        `Sync '${name}' of connection '${connectionId}' has a variant '${variant}' already.`,
      );
    const sync = await syncById(db, id);
    if (sync === undefined) throw new EngineError('internal', `The variant '${variant}' is gone after it was added`);
    return { sync, firstRun: autoStart ? await allocateSyncRun(db, deps, sync, 'creation') : undefined };
  });
}

function refuseBase(variant: string): void {
  if (variant.toLowerCase() !== BASE) return;
  throw new EngineError('invalid_variant', "Variant 'base' is the sync itself: expected another name.");
}
