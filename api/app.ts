/**
 * The REST API: one Express app over the store, the outbound calls and the engine. A route file is schemas and handlers;
 * `route()` authenticates, validates and sends, the failure handler answers what was thrown. Nothing here listens, reads
 * the environment, knows Temporal beyond `Engine`, or holds state that another process would need.
 */
import express, { type Express, type Request } from 'express';
import { createAuthenticator } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { createFailureHandler, noSuchRoute } from './failures.ts';
import { createJsonReader } from './json-body.ts';
import { createRoute } from './route.ts';
import { scopeOf } from './endpoints.ts';
import { actionRoutes } from './routes/actions.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { compatibilityRoutes } from './routes/compatibility.ts';
import { connectSessionRoutes } from './routes/connect-sessions.ts';
import { connectionRoutes } from './routes/connections.ts';
import { deletionRoutes } from './routes/deletions.ts';
import { deployRoutes } from './routes/deploy.ts';
import { docsRoutes } from './routes/docs.ts';
import { environmentVariableRoutes } from './routes/environment-variables.ts';
import { functionRoutes } from './routes/functions.ts';
import { healthRoutes } from './routes/health.ts';
import { integrationRoutes } from './routes/integrations.ts';
import { mcpRoutes } from './routes/mcp.ts';
import { metadataRoutes } from './routes/metadata.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { oauthRoutes } from './routes/oauth.ts';
import { providerRoutes } from './routes/providers.ts';
import { proxyRoutes } from './routes/proxy.ts';
import { recordRoutes } from './routes/records.ts';
import { runRoutes } from './routes/runs.ts';
import { signInRoutes } from './routes/sign-ins.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { syncSettingRoutes } from './routes/sync-settings.ts';
import { syncRoutes } from './routes/syncs.ts';
import { createSessionAuthenticator } from './session.ts';

export type { ApiDeps, ApiLimits } from './deps.ts';
export { DEFAULT_LIMITS } from './deps.ts';

/** Builds the app from its dependencies; opens nothing. Reads JSON bodies itself, so mount it before any body parser. */
export function createApp(deps: ApiDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  const authenticate = createAuthenticator(deps);
  const readJson = createJsonReader(deps.limits.bodyBytes);
  const route = createRoute({
    authenticate: async (request) => ({
      environment: await authenticate(request.headers.authorization, scopeOf(request.method, pathOf(request))),
    }),
    readJson,
    security: 'key',
  });
  const sessionRoute = createRoute({ authenticate: createSessionAuthenticator(deps), readJson, security: 'session' });
  app.use(metricsRoutes(pathOf));
  app.use(healthRoutes(deps));
  app.use(docsRoutes(deps, app));
  app.use(proxyRoutes(deps, route));
  app.use(actionRoutes(deps, route));
  app.use(mcpRoutes(deps, route));
  app.use(recordRoutes(deps, route));
  app.use(integrationRoutes(deps, route));
  app.use(functionRoutes(deps, route));
  // Before the connections: `/connections/metadata` is no id.
  app.use(metadataRoutes(deps, route));
  app.use(environmentVariableRoutes(deps, route));
  app.use(connectionRoutes(deps, route));
  app.use(connectSessionRoutes(deps, route, sessionRoute));
  app.use(oauthRoutes(deps, sessionRoute));
  app.use(signInRoutes(deps, sessionRoute));
  app.use(deployRoutes(deps, route));
  app.use(syncRoutes(deps, route));
  app.use(syncSettingRoutes(deps, route));
  app.use(deletionRoutes(deps, route));
  app.use(runRoutes(deps, route));
  app.use(providerRoutes(deps, route));
  app.use(apiKeyRoutes(deps, route));
  app.use(webhookRoutes(deps, route));
  app.use(compatibilityRoutes(route));
  app.use((request) => {
    throw noSuchRoute(request.method, request.path);
  });
  app.use(createFailureHandler(deps));
  return app;
}

/** The path as the route spells it; the prefix where there is no route. A route of two names has one scope. */
function pathOf(request: Request): string {
  const path: unknown = request.route?.path ?? request.baseUrl;
  return Array.isArray(path) ? String(path[0]) : String(path);
}
