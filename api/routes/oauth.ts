import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Request, Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { authorizationUrl, readCallback } from '../../outbound/auth/oauth2.ts';
import { authGrammar } from '../../outbound/auth/grammar.ts';
import { pick } from '../../outbound/auth/token-response.ts';
import { beginSignIn, connectSessionById, takeSignIn } from '../../store/connect-sessions.ts';
import type { Connection } from '../../store/connections.ts';
import { integrationById } from '../../store/integrations.ts';
import { type Answer, json, page, redirect, send } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { inBrowser, wantsPage } from '../popup.ts';
import { bracketed } from '../schemas.ts';
import type { SessionRoute } from '../session.ts';
import { completeSignIn, openIntegration, prepareSignIn, type SignInCall } from '../sign-in.ts';

const SIGN_IN_MS = 30 * 60_000;
const COOKIE = 'nango_sign_in';
const KEY = z.object({ key: z.string().min(1).max(255) });
const QUERY = z.record(z.string(), z.unknown());

/** What is sealed in Postgres while the person is at the provider. */
const LUGGAGE = z.object({
  verifier: z.string().optional(),
  connectionId: z.string(),
  connectionConfig: z.record(z.string(), z.unknown()),
  cookieHash: z.string(),
});

/** The popup: off to the provider under a connect session, and back to `/oauth/callback`, which makes the connection. */
export function oauthRoutes(deps: ApiDeps, sessionRoute: SessionRoute): Router {
  const router = Router({ caseSensitive: true });
  const show = (answer: Answer, [, response]: Parameters<Parameters<typeof inBrowser>[0]>) =>
    void send(response, answer);
  router.get(
    '/oauth/connect/:key',
    inBrowser(
      sessionRoute({
        params: KEY,
        query: QUERY,
        handle: async ({ session, params, query }) => {
          const call = await prepareSignIn(deps, session, {
            key: params.key,
            connectionConfig: bracketed(query, 'params'),
            credentials: bracketed(query, 'credentials'),
          });
          return depart(deps, call, query);
        },
      }),
      show,
    ),
  );
  router.get(
    '/oauth/callback',
    inBrowser(async (request, response) => {
      const connection = await arrive(deps, request);
      const { connectionId, providerConfigKey } = connection;
      const told = { title: 'Connected', message: 'You can close this window.' };
      const answer = wantsPage(request) ? page(200, told) : json({ providerConfigKey, connectionId });
      await send(response, answer);
    }, show),
  );
  return router;
}

async function depart(deps: ApiDeps, call: SignInCall, query: Readonly<Record<string, unknown>>): Promise<Answer> {
  const { applicant, defaults, session } = call;
  const { provider } = applicant;
  if (!SIGNS_IN_BY_CODE.has(provider.auth_mode)) {
    throw new EngineError(
      'invalid_query_params',
      `Provider '${provider.name}' signs in by ${provider.auth_mode}, not in a popup: send its credentials to the route for that.`,
    );
  }
  const way = {
    redirectUri: deps.callbackUrl(),
    scopes: scopesOf(call),
    userScopes: listOf(query['user_scope'] ?? defaults.user_scopes),
    extra: { ...texts(bracketed(query, 'authorization_params')), ...defaults.authorization_params },
  };
  const { url, state, verifier } = await authorizationUrl(applicant, way);
  const at = deps.clock();
  const browser = randomBytes(32).toString('base64url');
  const luggage: z.input<typeof LUGGAGE> = {
    ...(verifier !== undefined && { verifier }),
    connectionId: applicant.connectionId,
    connectionConfig: applicant.connectionConfig,
    cookieHash: hash(browser),
  };
  await beginSignIn(deps.db, state, {
    environmentId: session.environment.id,
    integrationId: call.integration.id,
    sessionId: session.id,
    luggage: deps.box.seal(JSON.stringify(luggage)),
    at,
    expiresAt: new Date(at.getTime() + SIGN_IN_MS),
  });
  const secure = deps.publicUrl().startsWith('https:') ? '; Secure' : '';
  return redirect(
    url,
    `${COOKIE}=${browser}; Path=/oauth; Max-Age=${SIGN_IN_MS / 1_000}; HttpOnly; SameSite=Lax${secure}`,
  );
}

/** Takes the sign-in that left with this `state`, once, and makes the connection for what came back. */
async function arrive(deps: ApiDeps, request: Request): Promise<Connection> {
  const query = new URL(request.originalUrl, 'http://localhost').searchParams;
  const signIn = await takeSignIn(deps.db, query.get('state') ?? '', deps.clock());
  if (signIn === undefined) throw unknownState();
  const [session, integration] = await Promise.all([
    connectSessionById(deps.db, signIn.sessionId),
    integrationById(deps.db, signIn.integrationId),
  ]);
  if (session === undefined || integration === undefined) throw unknownState();
  const luggage = LUGGAGE.parse(JSON.parse(deps.box.open(signIn.luggage)));
  if (deps.strictState && !isSameBrowser(request, luggage.cookieHash)) throw otherBrowser();
  const provider = deps.catalogue.get(integration.provider);
  const applicant = {
    provider,
    connectionId: luggage.connectionId,
    providerConfigKey: integration.uniqueKey,
    connectionConfig: {
      ...luggage.connectionConfig,
      ...pick(Object.fromEntries(query), authGrammar(provider).redirect_uri_metadata),
    },
    credentials: {},
    integration: await openIntegration(deps, integration),
  };
  const code = readCallback(applicant, query);
  const granted = await deps.authorizer.exchangeCode(applicant, {
    code,
    redirectUri: deps.callbackUrl(),
    verifier: luggage.verifier,
  });
  return completeSignIn(deps, { session, integration, applicant, defaults: {} }, granted);
}

const SIGNS_IN_BY_CODE: ReadonlySet<string> = new Set(['OAUTH2', 'MCP_OAUTH2', 'MCP_OAUTH2_GENERIC']);

/** The session's wish, otherwise the integration's own, otherwise the provider's default. */
function scopesOf({ applicant, defaults }: SignInCall): string[] {
  const override = defaults.connection_config?.['oauth_scopes_override'];
  const own = applicant.integration['scopes'] ?? applicant.integration['oauth_scopes'];
  const wanted = listOf(override ?? own);
  return wanted.length > 0 ? wanted : authGrammar(applicant.provider).default_scopes;
}

function listOf(value: unknown): string[] {
  const parts = Array.isArray(value) ? value.map(String) : String(value ?? '').split(/[,\s]+/);
  return parts.filter((part) => part !== '');
}

function texts(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

function isSameBrowser({ headers }: Request, expected: string): boolean {
  const cookies = (headers.cookie ?? '').split(';').map((cookie) => cookie.trim());
  const value = cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? '';
  return timingSafeEqual(Buffer.from(hash(value)), Buffer.from(expected));
}

function unknownState(): EngineError {
  return new EngineError(
    'invalid_state',
    'This sign-in is unknown, has ended or was completed before: start it again from the product.',
  );
}

function otherBrowser(): EngineError {
  return new EngineError(
    'invalid_state',
    'This sign-in began in another browser: start it again here. (NANGO_STRICT_STATE asks for the same browser.)',
  );
}
