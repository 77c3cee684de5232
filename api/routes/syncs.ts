import { Router } from 'express';
import { z } from 'zod';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidPart } from '../invalid.ts';
import type { Route } from '../route.ts';
import { commaList, knownName } from '../schemas.ts';
import { pauseSyncs, startSyncs } from '../switch-syncs.ts';
import { parseSyncName, type SyncName, selectSyncs } from '../sync-selection.ts';
import { describeSyncs } from '../sync-status.ts';
import { type TriggeredRun, triggerSync } from '../trigger.ts';

const SYNC_NAME = z
  .union([knownName, z.strictObject({ name: knownName, variant: knownName.default('base') })])
  .transform((given): SyncName => (typeof given === 'string' ? parseSyncName(given) : given));
const NAMES = z.array(SYNC_NAME).max(256, 'expected at most 256 syncs');

const TRIGGER = z.strictObject({
  syncs: NAMES.default([]),
  provider_config_key: knownName.optional(),
  connection_id: knownName.optional(),
  opts: z.strictObject({ reset: z.boolean().optional(), emptyCache: z.boolean().optional() }).optional(),
  // The older spellings of `opts`.
  sync_mode: z.enum(['incremental', 'full_refresh', 'full_refresh_and_clear_cache']).optional(),
  full_resync: z.boolean().optional(),
});
/** The integration may be named by the headers that `/records` takes as well. */
const TRIGGER_HEADERS = z.object({
  'provider-config-key': knownName.optional(),
  'connection-id': knownName.optional(),
});
const SWITCH = z.strictObject({
  syncs: NAMES.default([]),
  provider_config_key: knownName,
  connection_id: knownName.optional(),
});
const STATUS = z.strictObject({
  syncs: commaList.default([]),
  provider_config_key: knownName,
  connection_id: knownName.optional(),
});

export function syncRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.post(
    '/sync/trigger',
    route({
      headers: TRIGGER_HEADERS,
      body: TRIGGER,
      handle: async ({ environment, headers, body }) => {
        const providerConfigKey = body.provider_config_key ?? headers['provider-config-key'];
        const connectionId = body.connection_id ?? headers['connection-id'];
        if (providerConfigKey === undefined) throw missingKey();
        const syncs = await selectSyncs(deps, environment, { providerConfigKey, connectionId, names: body.syncs });
        const reset =
          body.opts?.reset === true || body.full_resync === true || body.sync_mode?.startsWith('full_refresh') === true;
        const runs: TriggeredRun[] = [];
        const emptyCache = body.opts?.emptyCache === true || body.sync_mode === 'full_refresh_and_clear_cache';
        for (const sync of syncs) runs.push(await triggerSync(deps, sync, { reset, emptyCache }));
        return json({ success: true, runs });
      },
    }),
  );
  for (const [path, change] of [['/sync/pause', pauseSyncs] as const, ['/sync/start', startSyncs] as const]) {
    router.post(
      path,
      route({
        body: SWITCH,
        handle: async ({ environment, body }) => {
          const { provider_config_key: providerConfigKey, connection_id: connectionId, syncs: names } = body;
          await change(deps, await selectSyncs(deps, environment, { providerConfigKey, connectionId, names }));
          return json({ success: true });
        },
      }),
    );
  }
  router.get(
    '/sync/status',
    route({
      query: STATUS,
      handle: async ({ environment, query }) => {
        const { provider_config_key: providerConfigKey, connection_id: connectionId } = query;
        const names = query.syncs.includes('*') ? [] : query.syncs.map(parseSyncName);
        const syncs = await selectSyncs(deps, environment, { providerConfigKey, connectionId, names });
        return json({ syncs: await describeSyncs(deps, syncs) });
      },
    }),
  );
  return router;
}

function missingKey() {
  const message = 'expected an integration, here or in the header Provider-Config-Key';
  return invalidPart('invalid_body', 'body', [{ code: 'missing', message, path: ['provider_config_key'] }]);
}
