import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Request, Router } from 'express';
import { z } from 'zod';
import type { Granted } from '../../contract/credentials.ts';
import { EngineError } from '../../contract/failures.ts';
import { type Applicant, filled, textOf } from '../../outbound/auth/applicant.ts';
import { authGrammar } from '../../outbound/auth/grammar.ts';
import { authorizationUrl, readCallback } from '../../outbound/auth/oauth2.ts';
import { pick } from '../../outbound/auth/token-response.ts';
import { beginSignIn, type ConnectSession, connectSessionById, takeSignIn } from '../../store/connect-sessions.ts';
import type { Connection } from '../../store/connections.ts';
import { type Integration, integrationById } from '../../store/integrations.ts';
import { type Answer, json, page, redirect, send } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { notedSignIn } from '../noted.ts';
import { ownClient } from '../own-client.ts';
import { inBrowser, wantsPage } from '../popup.ts';
import { popupFailure } from '../popups.ts';
import { bracketed } from '../schemas.ts';
import type { SessionRoute } from '../session.ts';
import { completeSignIn, openIntegration, prepareSignIn, type SignInCall } from '../sign-in.ts';
import { routeOf } from './sign-ins.ts';

const SIGN_IN_MS = 30 * 60_000;
const COOKIE = 'nango_sign_in';
const KEY = z.object({ key: z.string().min(1).max(255) });
const QUERY = z.record(z.string(), z.unknown());

/** What is sealed in Postgres while the person is at the provider. */
const LUGGAGE = z.object({
  verifier: z.string().optional(),
  /** The connection's own client, where the integration has none. */
  ownClient: z.record(z.string(), z.unknown()).default({}),
  /** OAuth 1: the secret of the request token. */
  requestSecret: z.string().optional(),
  connectionId: z.string(),
  connectionConfig: z.record(z.string(), z.unknown()),
  cookieHash: z.string(),
  /** The page that waits for the popup (its line: popups.ts). */
  client: z.string().optional(),
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
          const named = { environmentId: session.environment.id, providerConfigKey: params.key };
          const step = async () => {
            const call = await prepareSignIn(deps, session, {
              key: params.key,
              connectionConfig: bracketed(query, 'params'),
              credentials: bracketed(query, 'credentials'),
            });
            return depart(deps, call, query);
          };
          // The person is on the way then; whether a connection comes of it shows at the return.
          return tellingOfFailure(deps, clientOf(query), { ...named, connectionId: null }, step, () => undefined);
        },
      }),
      show,
    ),
  );
  router.get(
    ['/oauth/callback', '/app-auth/connect'],
    inBrowser(async (request, response) => {
      const connection = await arrive(deps, request);
      const { connectionId, providerConfigKey } = connection;
      const sent = { providerConfigKey, connectionId };
      const told = { title: 'Connected', message: 'You can close this window.', sent };
      const answer = wantsPage(request) ? page(200, told) : json({ providerConfigKey, connectionId });
      await send(response, answer);
    }, show),
  );
  return router;
}

async function depart(deps: ApiDeps, asked: SignInCall, query: Readonly<Record<string, unknown>>): Promise<Answer> {
  const own = await ownClient(deps, asked);
  const applicant = { ...asked.applicant, credentials: { ...asked.applicant.credentials, ...own } };
  const { session } = asked;
  const call = { ...asked, applicant };
  const { url, state, verifier, requestSecret } = await departureOf(deps, call, query);
  const at = deps.clock();
  const browser = randomBytes(32).toString('base64url');
  const luggage: z.input<typeof LUGGAGE> = {
    ...(verifier !== undefined && { verifier }),
    ...(requestSecret !== undefined && { requestSecret }),
    connectionId: applicant.connectionId,
    connectionConfig: applicant.connectionConfig,
    cookieHash: hash(browser),
    ownClient: own,
    client: clientOf(query),
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
  const state = query.get('state') ?? query.get('oauth_token') ?? query.get('denied') ?? '';
  const signIn = await takeSignIn(deps.db, state, deps.clock());
  if (signIn === undefined) throw unknownState();
  const [session, integration] = await Promise.all([
    connectSessionById(deps.db, signIn.sessionId),
    integrationById(deps.db, signIn.integrationId),
  ]);
  if (session === undefined || integration === undefined) throw unknownState();
  const luggage = LUGGAGE.parse(JSON.parse(deps.box.open(signIn.luggage)));
  const { connectionId } = luggage;
  const named = { environmentId: session.environment.id, providerConfigKey: integration.uniqueKey, connectionId };
  const step = async () => {
    if (deps.strictState && !isSameBrowser(request, luggage.cookieHash)) throw otherBrowser();
    return complete(deps, { session, integration, luggage, query });
  };
  const { connection } = await tellingOfFailure(deps, luggage.client, named, step, ({ created }) => ({
    ...{ connectionId, created },
  }));
  if (luggage.client !== undefined) {
    await deps.popups.tell(luggage.client, {
      message_type: 'success',
      provider_config_key: connection.providerConfigKey,
      connection_id: connection.connectionId,
      is_pending: false,
    });
  }
  return connection;
}

type Arrival = {
  readonly session: ConnectSession;
  readonly integration: Integration;
  readonly luggage: z.output<typeof LUGGAGE>;
  readonly query: URLSearchParams;
};

async function complete(
  deps: ApiDeps,
  { session, integration, luggage, query }: Arrival,
): ReturnType<typeof completeSignIn> {
  const provider = deps.catalogue.get(integration.provider);
  const applicant = {
    provider,
    connectionId: luggage.connectionId,
    providerConfigKey: integration.uniqueKey,
    connectionConfig: {
      ...luggage.connectionConfig,
      ...pick(Object.fromEntries(query), [...authGrammar(provider).redirect_uri_metadata, 'installation_id']),
    },
    credentials: luggage.ownClient,
    integration: await openIntegration(deps, integration),
  };
  const granted = await grantFor(deps, applicant, query, luggage);
  return completeSignIn(deps, { session, integration, applicant, defaults: {} }, granted);
}

/** Does a step of a sign-in; when it fails, the log and the page that waits for the popup hear of it too. */
async function tellingOfFailure<T>(
  deps: ApiDeps,
  client: string | undefined,
  named: Parameters<typeof notedSignIn>[1],
  ...how: [step: () => Promise<T>, made: Parameters<typeof notedSignIn<T>>[3]]
): Promise<T> {
  try {
    return await notedSignIn(deps, named, ...how);
  } catch (error) {
    const { providerConfigKey, connectionId } = named;
    const about = { providerConfigKey, connectionId: connectionId ?? '' };
    if (client !== undefined) await deps.popups.tell(client, popupFailure(error, about));
    throw error;
  }
}

function clientOf(query: Readonly<Record<string, unknown>>): string | undefined {
  const client = query['ws_client_id'];
  return typeof client === 'string' && client !== '' && client.length <= 100 ? client : undefined;
}

type Away = { url: URL; state: string; verifier?: string | undefined; requestSecret?: string };

/** Where the person goes, by auth mode. */
async function departureOf(deps: ApiDeps, call: SignInCall, query: Readonly<Record<string, unknown>>): Promise<Away> {
  const { applicant, defaults } = call;
  const { provider } = applicant;
  switch (provider.auth_mode) {
    case 'OAUTH2':
    case 'MCP_OAUTH2':
    case 'MCP_OAUTH2_GENERIC':
      return authorizationUrl(applicant, {
        redirectUri: deps.callbackUrl(),
        scopes: scopesOf(call),
        userScopes: listOf(query['user_scope'] ?? defaults.user_scopes),
        extra: { ...texts(bracketed(query, 'authorization_params')), ...defaults.authorization_params },
      });
    case 'OAUTH1': {
      const { url, state, secret } = await deps.authorizer.requestTokenUrl(applicant, deps.callbackUrl());
      return { url, state, requestSecret: secret };
    }
    case 'APP':
    case 'CUSTOM':
      return installationUrl(applicant);
    default:
      throw new EngineError(
        'invalid_query_params',
        `Provider '${provider.name}' signs in by ${provider.auth_mode}, not in a popup: POST its credentials to ${routeOf(provider.auth_mode)}.`,
      );
  }
}

/** The credentials for what came back, by auth mode. */
async function grantFor(
  deps: ApiDeps,
  applicant: Applicant,
  query: URLSearchParams,
  luggage: z.output<typeof LUGGAGE>,
): Promise<Granted> {
  const { provider } = applicant;
  const byCode = async () =>
    deps.authorizer.exchangeCode(applicant, {
      code: readCallback(applicant, query),
      redirectUri: deps.callbackUrl(),
      verifier: luggage.verifier,
    });
  switch (provider.auth_mode) {
    case 'OAUTH1': {
      const verifier = query.get('oauth_verifier');
      if (verifier === null) throw denied(provider.name, 'it sent you back without an oauth_verifier');
      const token = { key: query.get('oauth_token') ?? '', secret: luggage.requestSecret ?? '' };
      return deps.authorizer.exchangeVerifier(applicant, { token, verifier });
    }
    case 'APP':
    case 'CUSTOM': {
      if (applicant.connectionConfig['installation_id'] === undefined)
        throw denied(
          provider.name,
          'it sent you back without an installation_id; an owner may still have to approve the app',
        );
      const user = provider.auth_mode === 'CUSTOM' ? (await byCode()).credentials : undefined;
      const granted = await deps.authorizer.firstToken({
        ...applicant,
        credentials: user === undefined ? {} : { user },
      });
      if (granted === undefined) throw new EngineError('internal', 'An app without a first token');
      return granted;
    }
    default:
      return byCode();
  }
}

/** Where an app is installed; `app_link` is the integration's, `state` comes back with the installation's number. */
function installationUrl(applicant: Applicant): Away {
  const link = textOf(applicant.integration, 'app_link');
  const template = applicant.provider.authorization_url;
  if (template === undefined) {
    throw new EngineError(
      'configuration_invalid',
      `Provider '${applicant.provider.name}' has no authorization_url in its entry.`,
    );
  }
  if (link === undefined && template.includes('appPublicLink')) {
    throw new EngineError(
      'integration_incomplete',
      `Integration '${applicant.providerConfigKey}' has no app_link: set it with PATCH /integrations/${applicant.providerConfigKey}.`,
    );
  }
  const connectionConfig = { ...applicant.connectionConfig, appPublicLink: link };
  const url = new URL(filled({ ...applicant, connectionConfig }, template, 'authorization_url'));
  const state = randomBytes(32).toString('base64url');
  url.searchParams.set('state', state);
  return { url, state };
}

function denied(provider: string, why: string): EngineError {
  return new EngineError('authorization_denied', `Provider '${provider}' did not let you in: ${why}.`);
}

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
