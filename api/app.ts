/**
 * The REST API: one Express app over the store, the outbound calls and the engine. A route file is schemas and handlers;
 * `route()` authenticates, validates and sends, the failure handler answers what was thrown. Nothing here listens, reads
 * the environment, knows Temporal beyond `Engine`, or holds state that another process would need.
 */
import express, { type Express, type Request } from 'express';
import helmet from 'helmet';
import { createAuthenticator } from './auth.ts';
import { createCallGuard } from './call-limits.ts';
import { crossOrigin } from './cross-origin.ts';
import { createDashboardSessions } from './dashboard-session.ts';
import type { ApiDeps } from './deps.ts';
import { createFailureHandler, noSuchRoute } from './failures.ts';
import { createJsonReader } from './json-body.ts';
import { createRoute } from './route.ts';
import { scopeOf } from './endpoints.ts';
import { actionRoutes } from './routes/actions.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditLogRoutes } from './routes/audit-log.ts';
import { compatibilityRoutes } from './routes/compatibility.ts';
import { connectPageRoutes } from './routes/connect-page.ts';
import { connectSessionRoutes } from './routes/connect-sessions.ts';
import { connectionRoutes } from './routes/connections.ts';
import { deletionRoutes } from './routes/deletions.ts';
import { deployRoutes } from './routes/deploy.ts';
import { docsRoutes } from './routes/docs.ts';
import { dashboardRoutes } from './routes/dashboard.ts';
import { environmentVariableRoutes } from './routes/environment-variables.ts';
import { functionRoutes } from './routes/functions.ts';
import { inboundRoutes } from './routes/inbound.ts';
import { formerConfigRoutes } from './routes/former-config.ts';
import { clientMetadataRoutes } from './routes/client-metadata.ts';
import { healthRoutes } from './routes/health.ts';
import { integrationRoutes } from './routes/integrations.ts';
import { logRoutes } from './routes/logs.ts';
import { mcpRoutes } from './routes/mcp.ts';
import { metadataRoutes } from './routes/metadata.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { oauthRoutes } from './routes/oauth.ts';
import { pageRoutes } from './routes/pages.ts';
import { providerRoutes } from './routes/providers.ts';
import { proxyRoutes } from './routes/proxy.ts';
import { recordRoutes } from './routes/records.ts';
import { runRoutes } from './routes/runs.ts';
import { signInRoutes } from './routes/sign-ins.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { syncSettingRoutes } from './routes/sync-settings.ts';
import { syncRoutes } from './routes/syncs.ts';
import { traceRequests } from './trace-requests.ts';
import { createSessionAuthenticator } from './session.ts';
import { createSuspects } from './suspects.ts';

export type { ApiDeps, ApiLimits } from './deps.ts';
export { DEFAULT_LIMITS } from './deps.ts';

/**
 * For answers that are data: nothing of them is run, framed or guessed at. Pages replace the policy by their own, and a
 * popup keeps its opener, which waits for it.
 */
const SECURITY_HEADERS = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  crossOriginOpenerPolicy: false,
  crossOriginResourcePolicy: false,
  // Frames are the policy's business; this older header could not be taken back by a page that may be framed.
  xFrameOptions: false,
});

/**
 * Of a body from a browser, which brings a name, a password or credentials: the sign-in of the dashboard reads one before
 * it knows anybody.
 */
const BROWSER_BYTES = 1024 * 1024;

/** Builds the app from its dependencies; opens nothing. Reads JSON bodies itself, so mount it before any body parser. */
export function createApp(deps: ApiDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('trust proxy', deps.limits.trustedProxies);
  app.use(SECURITY_HEADERS);
  const guard = createCallGuard(deps.limits, createSuspects(deps.db));
  const authenticate = createAuthenticator({ ...deps, guard });
  const readJson = createJsonReader(deps.limits.bodyBytes);
  const readShortJson = createJsonReader(Math.min(BROWSER_BYTES, deps.limits.bodyBytes));
  const sessions = createDashboardSessions(deps);
  const route = createRoute({
    authenticate: async (request) => {
      const { headers, ip } = request;
      const wanted = scopeOf(request.method, pathOf(request));
      const known = await sessions.environmentOf(request);
      const environment = known ?? (await authenticate(headers.authorization, wanted, ip));
      await guard.beforeCall(environment.id);
      return { environment };
    },
    readJson,
    security: 'key',
  });
  const sessionAuthenticator = createSessionAuthenticator({ ...deps, guard });
  const sessionRoute = createRoute({
    authenticate: sessionAuthenticator,
    readJson: readShortJson,
    security: 'session',
  });
  if (deps.tracing.isOn) app.use(traceRequests(deps.tracing, pathOf));
  app.use(metricsRoutes(deps, pathOf));
  // Pages of other origins may talk to the public API, not to the dashboard's.
  app.use(pageRoutes(deps));
  app.use(dashboardRoutes(deps, sessions, { route, readJson: readShortJson, guard }));
  app.use(crossOrigin);
  const openRoute = createRoute({ authenticate: async () => ({}), readJson: readShortJson, security: 'open' });
  app.use(healthRoutes(deps, openRoute));
  app.use(clientMetadataRoutes(deps, openRoute));
  app.use(docsRoutes(deps, app));
  app.use(inboundRoutes(deps));
  app.use(proxyRoutes(deps, route));
  app.use(actionRoutes(deps, route));
  app.use(mcpRoutes(deps, route));
  app.use(recordRoutes(deps, route));
  app.use(integrationRoutes(deps, route));
  app.use(formerConfigRoutes(deps, route));
  app.use(functionRoutes(deps, route));
  // Before the connections: `/connections/metadata` is no id.
  app.use(metadataRoutes(deps, route));
  app.use(environmentVariableRoutes(deps, route));
  app.use(connectionRoutes(deps, route));
  app.use(connectSessionRoutes(deps, route, sessionRoute));
  app.use(connectPageRoutes(deps, sessionRoute));
  app.use(oauthRoutes(deps, sessionRoute));
  app.use(signInRoutes(deps, sessionRoute));
  app.use(deployRoutes(deps, route));
  app.use(auditLogRoutes(deps, route));
  app.use(logRoutes(deps, route));
  app.use(syncRoutes(deps, route));
  app.use(syncSettingRoutes(deps, route));
  app.use(deletionRoutes(deps, route));
  app.use(runRoutes(deps, route));
  app.use(providerRoutes(deps, route));
  app.use(apiKeyRoutes(deps, route));
  app.use(webhookRoutes(deps, route));
  app.use(compatibilityRoutes(openRoute));
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
