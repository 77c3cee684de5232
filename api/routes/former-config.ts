/** Integrations under the name they had until 2024 (`/config`), with an app's credentials beside the rest. */
import { Router } from 'express';
import { z } from 'zod';
import type { Environment } from '../../store/environments.ts';
import { listIntegrations } from '../../store/integrations.ts';
import { actorOf } from '../actor.ts';
import { json, nothing } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidPart } from '../invalid.ts';
import { knownIntegration } from '../known.ts';
import type { Route } from '../route.ts';
import { integrationKey, knownName } from '../schemas.ts';
import { changeIntegration, createFrom, removeIntegration, viewOf } from './integrations.ts';

const KEY = z.object({ key: knownName });
const FIELDS = {
  oauth_client_id: 'client_id',
  oauth_client_secret: 'client_secret',
  oauth_scopes: 'scopes',
  app_id: 'app_id',
  app_link: 'app_link',
  private_key: 'private_key',
} as const;
const BODY = z.strictObject({
  provider: knownName,
  provider_config_key: integrationKey,
  ...(Object.fromEntries(Object.keys(FIELDS).map((name) => [name, z.unknown().optional()])) as Record<
    keyof typeof FIELDS,
    z.ZodOptional<z.ZodUnknown>
  >),
});

export function formerConfigRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/config',
    route({
      handle: async ({ environment }) =>
        json({ configs: (await listIntegrations(deps.db, environment.id)).map(viewOf) }),
    }),
  );
  router.get(
    '/config/:key',
    route({
      params: KEY,
      query: z.strictObject({ include_creds: z.string().optional(), include_flows: z.string().optional() }),
      handle: async ({ environment, params }) =>
        json({ config: viewOf(await knownIntegration(deps.db, environment, params.key)) }),
    }),
  );
  router.post(
    '/config',
    route({
      body: BODY,
      handle: async ({ environment, body }) => {
        const named = { provider: body.provider, unique_key: body.provider_config_key };
        return json({ config: viewOf(await createFrom(deps, environment, { ...named, ...credentialsIn(body) })) });
      },
    }),
  );
  router.put(
    '/config',
    route({
      body: BODY,
      handle: async ({ environment, body }) => json({ config: viewOf(await change(deps, environment, body)) }),
    }),
  );
  router.delete(
    '/config/:key',
    route({
      params: KEY,
      handle: async ({ environment, params, request }) => {
        await removeIntegration(deps, environment, params.key, actorOf(request));
        return nothing;
      },
    }),
  );
  return router;
}

async function change(deps: ApiDeps, environment: Environment, body: z.output<typeof BODY>) {
  const { provider } = await knownIntegration(deps.db, environment, body.provider_config_key);
  if (provider !== body.provider) {
    const message = `expected '${provider}': the provider of an integration stays`;
    throw invalidPart('invalid_body', 'body', [{ code: 'custom', message, path: ['provider'] }]);
  }
  return changeIntegration(deps, environment, body.provider_config_key, credentialsIn(body));
}

function credentialsIn(body: z.output<typeof BODY>): { credentials?: Record<string, unknown> } {
  const given = Object.entries(FIELDS).flatMap(([name, ours]) => {
    const value = body[name as keyof typeof FIELDS];
    return value === undefined ? [] : [[ours, value] as const];
  });
  return given.length === 0 ? {} : { credentials: Object.fromEntries(given) };
}
