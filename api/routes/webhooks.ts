import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { addAuditEntry } from '../../store/audit-log.ts';
import { withTransaction } from '../../store/db.ts';
import { addReplay, type DeliveryView, findDelivery, listDeliveries } from '../../store/webhook-deliveries.ts';
import {
  DEFAULT_WEBHOOK_SETTINGS,
  putWebhookSettings,
  rotateSigningKey,
  type WebhookSettings,
  webhookSettings,
} from '../../store/webhook-settings.ts';
import { actorOf } from '../actor.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import type { Route } from '../route.ts';
import { knownName, wholeNumber } from '../schemas.ts';

const URL_OR_NULL = z
  .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
  .max(2_000)
  .refine((text) => !URL.canParse(text) || new URL(text).username === '', 'expected a URL without user and password')
  .nullable();

const SETTINGS = z.strictObject({
  primary_url: URL_OR_NULL.optional(),
  secondary_url: URL_OR_NULL.optional(),
  on_sync_completion_always: z.boolean().optional(),
  on_sync_error: z.boolean().optional(),
  on_auth_creation: z.boolean().optional(),
  on_auth_refresh_error: z.boolean().optional(),
  on_async_action_completion: z.boolean().optional(),
});
const LIST = z.strictObject({
  state: z.enum(['pending', 'delivered', 'refused', 'expired']).optional(),
  before: knownName.optional(),
  limit: wholeNumber(1, 500).default(50),
});
const ONE = z.object({ id: knownName });

/** Where an environment's application hears of runs, and what became of each webhook. */
export function webhookRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  settingRoutes(router, deps, route);
  deliveryRoutes(router, deps, route);
  return router;
}

function settingRoutes(router: Router, deps: ApiDeps, route: Route): void {
  router.get(
    '/environment/webhooks',
    route({
      handle: async ({ environment }) =>
        json({ data: (await webhookSettings(deps.db, environment.id)) ?? DEFAULT_WEBHOOK_SETTINGS }),
    }),
  );
  router.patch(
    '/environment/webhooks',
    route({
      body: SETTINGS,
      handle: async ({ environment, body }) => {
        const current = (await webhookSettings(deps.db, environment.id)) ?? DEFAULT_WEBHOOK_SETTINGS;
        // JSON has no undefined: every key that is there has a value.
        const data = { ...current, ...(body as Partial<WebhookSettings>) };
        const how = { box: deps.box, at: deps.clock() };
        const key = await putWebhookSettings(deps.db, how, environment.id, data);
        return json({ data: { ...data, ...(key !== undefined && { signing_key: key }) } });
      },
    }),
  );
  router.post(
    '/environment/webhook-signing-key/rotate',
    route({
      handle: async ({ environment, request }) => {
        const at = deps.clock();
        const key = await withTransaction(deps.db, async (db) => {
          const rotated = await rotateSigningKey(db, { box: deps.box, at }, environment.id);
          const who = { environmentId: environment.id, actor: actorOf(request), at };
          const entry = { ...who, action: 'webhook_signing_key.rotated', subject: environment.name } as const;
          if (rotated !== undefined) await addAuditEntry(db, entry);
          return rotated;
        });
        if (key !== undefined) return json({ data: { signing_key: key } });
        const next = `PATCH /environment/webhooks with a primary_url sets them up and answers the first key`;
        throw new EngineError('not_found', `Environment '${environment.name}' has no webhooks: ${next}.`);
      },
    }),
  );
}

function deliveryRoutes(router: Router, deps: ApiDeps, route: Route): void {
  router.get(
    '/webhooks/deliveries',
    route({
      query: LIST,
      handle: async ({ environment, query }) => {
        const { state = null, before = null, limit } = query;
        const filter = { environmentId: environment.id, state, beforeId: before, limit };
        const deliveries = await listDeliveries(deps.db, filter);
        const last = deliveries.length < limit ? null : (deliveries.at(-1)?.id ?? null);
        return json({ deliveries: deliveries.map(viewOf), next_before: last });
      },
    }),
  );
  router.get(
    '/webhooks/deliveries/:id',
    route({
      params: ONE,
      handle: async ({ environment, params }) => {
        const { body, ...delivery } = await known(deps, environment.id, params.id);
        return json({ ...viewOf(delivery), body });
      },
    }),
  );
  router.post(
    '/webhooks/deliveries/:id/replay',
    route({
      params: ONE,
      handle: async ({ environment, params }) => {
        const { id } = await known(deps, environment.id, params.id);
        const replay = await addReplay(deps.db, id, deps.clock());
        // Written is as good as started: reconcile starts what Temporal could not hear of now.
        await deps.engine.startDelivery(replay).catch((error: unknown) => {
          deps.log('webhook.postponed', { delivery: replay, error: String(error) });
        });
        return json({ id: replay, replay_of: id }, 202);
      },
    }),
  );
}

async function known(deps: ApiDeps, environmentId: string, id: string): Promise<DeliveryView & { body: string }> {
  const delivery = await findDelivery(deps.db, environmentId, id);
  if (delivery !== undefined) return delivery;
  throw new EngineError('not_found', `Unknown delivery '${id}': GET /webhooks/deliveries lists them.`);
}

function viewOf(delivery: DeliveryView) {
  return {
    id: delivery.id,
    type: delivery.type,
    connection_id: delivery.connectionId,
    provider_config_key: delivery.providerConfigKey,
    run_id: delivery.runId,
    url: delivery.url,
    sequence: Number(delivery.sequence),
    state: delivery.state,
    attempts: delivery.attempts,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    replay_of: delivery.replayOf,
    created_at: delivery.createdAt,
    next_attempt_at: delivery.nextAttemptAt,
    ended_at: delivery.endedAt,
  };
}
