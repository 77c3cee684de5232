import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { addAuditEntry } from '../../store/audit-log.ts';
import { withTransaction } from '../../store/db.ts';
import { confirmDeletions, heldDeletions } from '../../store/held-deletions.ts';
import { actorOf } from '../actor.ts';
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
      handle: async ({ environment, body, request }) => {
        const { model, count } = body;
        const syncs = await selectSyncs(deps, environment, {
          providerConfigKey: body.provider_config_key,
          connectionId: body.connection_id,
          names: [{ name: body.sync_name, variant: body.sync_variant }],
        });
        for (const { id: syncId } of syncs) {
          const isConfirmed = await withTransaction(deps.db, async (db) => {
            if (!(await confirmDeletions(db, { syncId, model, count }))) return false;
            await addAuditEntry(db, {
              ...{ environmentId: environment.id, actor: actorOf(request), at: deps.clock() },
              action: 'deletions.confirmed',
              subject: `${body.provider_config_key}/${body.connection_id}/${body.sync_name}`,
              detail: { model, count, variant: body.sync_variant },
            });
            return true;
          });
          if (isConfirmed) continue;
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
