import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { createConnectSession, deleteConnectSession, type SessionWishes } from '../../store/connect-sessions.ts';
import type { Environment } from '../../store/environments.ts';
import { findIntegration } from '../../store/integrations.ts';
import { json, nothing } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { knownConnection, unknownIntegrations } from '../known.ts';
import type { Route } from '../route.ts';
import { knownName } from '../schemas.ts';
import type { SessionRoute } from '../session.ts';
import { SESSION_WISHES } from '../session-wishes.ts';

const SESSION_MS = 30 * 60_000;

const RECONNECT = SESSION_WISHES.omit({ allowed_integrations: true }).extend({
  connection_id: knownName,
  integration_id: knownName,
});

/** A product opens a session for one of its users; the user's browser then makes the connection under it. */
export function connectSessionRoutes(deps: ApiDeps, route: Route, sessionRoute: SessionRoute): Router {
  const router = Router({ caseSensitive: true });
  router.post(
    '/connect/sessions',
    route({
      body: SESSION_WISHES.refine(
        (wishes) => wishes.end_user !== undefined || wishes.tags !== undefined,
        'expected end_user or tags: they say whose the connection will be',
      ),
      handle: async ({ environment, body }) => {
        for (const key of body.allowed_integrations ?? []) {
          const found = await findIntegration(deps.db, environment.id, key);
          if (found === undefined) throw unknownIntegrations(environment, [key]);
        }
        return json({ data: await open(deps, environment, body, null) }, 201);
      },
    }),
  );
  router.post(
    '/connect/sessions/reconnect',
    route({
      body: RECONNECT,
      handle: async ({ environment, body }) => {
        const { connection_id: connectionId, integration_id: providerConfigKey, ...wishes } = body;
        const connection = await knownConnection(deps.db, environment, { connectionId, providerConfigKey });
        const narrowed = { ...wishes, allowed_integrations: [providerConfigKey] };
        return json({ data: await open(deps, environment, narrowed, connection.id) }, 201);
      },
    }),
  );
  router.get(
    '/connect/session',
    sessionRoute({
      query: z.strictObject({ connect_session_token: z.string().optional() }),
      handle: async ({ session }) => json({ data: viewOf(session.wishes, session.reconnects !== null) }),
    }),
  );
  router.delete(
    '/connect/session',
    sessionRoute({
      query: z.strictObject({ connect_session_token: z.string().optional() }),
      handle: async ({ session }) => {
        await deleteConnectSession(deps.db, session.id);
        return nothing;
      },
    }),
  );
  return router;
}

async function open(
  deps: ApiDeps,
  environment: Environment,
  wishes: SessionWishes,
  reconnects: string | null,
): Promise<{ token: string; connect_link: string; expires_at: string }> {
  const at = deps.clock();
  const expiresAt = new Date(at.getTime() + SESSION_MS);
  const token = await createConnectSession(deps.db, {
    environmentId: environment.id,
    wishes,
    reconnects,
    at,
    expiresAt,
  });
  const link = new URL('/connect', deps.publicUrl());
  link.searchParams.set('session_token', token);
  return { token, connect_link: link.href, expires_at: expiresAt.toISOString() };
}

function viewOf(stored: SessionWishes, isReconnecting: boolean) {
  const wishes = SESSION_WISHES.safeParse(stored);
  if (!wishes.success) throw new EngineError('internal', 'A stored connect session cannot be read');
  const { end_user: endUser, organization, allowed_integrations: allowed, ...rest } = wishes.data;
  return {
    allowed_integrations: allowed ?? null,
    integrations_config_defaults: rest.integrations_config_defaults,
    overrides: rest.overrides,
    tags: rest.tags ?? {},
    endUser: endUser ? { ...endUser, organization: organization ?? null } : null,
    ...(isReconnecting && { isReconnecting }),
    connectUISettings: { showWatermark: false },
  };
}
