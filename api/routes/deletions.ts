import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { confirmDeletions, heldDeletions } from '../../store/held-deletions.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import type { Route } from '../route.ts';
import { knownName, modelName, scriptName } from '../schemas.ts';
import { selectSyncs } from '../sync-selection.ts';

const CONFIRMATION = z.strictObject({
  provider_config_key: knownName,
  connection_id: knownName,
  sync_name: knownName,
  sync_variant: scriptName.default('base'),
  model: modelName,
  count: z.number({ error: 'expected how many deletions are held' }).int().min(1),
});

/** Deletions that a run held back are confirmed by their number, for the sync's next run only. */
export function deletionRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.post(
    '/sync/deletions/confirm',
    route({
      body: CONFIRMATION,
      handle: async ({ environment, body }) => {
        const { model, count } = body;
        const syncs = await selectSyncs(deps, environment, {
          providerConfigKey: body.provider_config_key,
          connectionId: body.connection_id,
          names: [{ name: body.sync_name, variant: body.sync_variant }],
        });
        for (const { id: syncId } of syncs) {
          if (await confirmDeletions(deps.db, { syncId, model, count })) continue;
          const held = (await heldDeletions(deps.db, [syncId])).find((one) => one.model === model)?.count ?? 0;
          throw new EngineError(
            'conflict',
            `${held} deletions of model '${model}' are held for sync '${body.sync_name}', not ${count}: look at them again, then confirm their number.`,
          );
        }
        return json({ success: true, model, count });
      },
    }),
  );
  return router;
}
