import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import type { AuthMode } from '../../outbound/provider.ts';
import { json } from '../answer.ts';
import { checkCredentials, grantedBy } from '../credentials.ts';
import type { ApiDeps } from '../deps.ts';
import { notedSignIn } from '../noted.ts';
import type { Route } from '../route.ts';
import { bracketed } from '../schemas.ts';
import type { SessionRoute } from '../session.ts';
import { completeSignIn, prepareSignIn } from '../sign-in.ts';
import { verifyCredentials } from '../verify-credentials.ts';

/** Which route takes the credentials of which modes. */
const ROUTES = {
  '/api-auth/api-key/:key': ['API_KEY'],
  '/api-auth/basic/:key': ['BASIC'],
  '/oauth2/auth/:key': ['OAUTH2_CC'],
  '/auth/tba/:key': ['TBA'],
  '/auth/two-step/:key': ['TWO_STEP'],
  '/auth/jwt/:key': ['JWT'],
  '/auth/signature/:key': ['SIGNATURE'],
  '/auth/bill/:key': ['BILL'],
  '/auth/aws-sigv4/:key': ['AWS_SIGV4'],
  '/auth/unauthenticated/:key': ['NONE'],
} as const satisfies Readonly<Record<string, readonly AuthMode[]>>;

const KEY = z.object({ key: z.string().min(1).max(255) });
const QUERY = z.record(z.string(), z.unknown());
const BODY = z.record(z.string(), z.unknown());

/** Signing in with what a person types: credentials are checked, tried at the provider where that is possible, and kept. */
export function signInRoutes(deps: ApiDeps, sessionRoute: SessionRoute): Router {
  const router = Router({ caseSensitive: true });
  for (const [path, modes] of Object.entries(ROUTES)) {
    router.post(
      path,
      sessionRoute({
        params: KEY,
        query: QUERY,
        body: BODY,
        handle: async ({ session, params, query, body }) => {
          const at = { environmentId: session.environment.id, providerConfigKey: params.key, connectionId: null };
          const signIn = async () => {
            const connectionConfig = bracketed(query, 'params');
            const call = await prepareSignIn(deps, session, { key: params.key, connectionConfig, credentials: {} });
            const { provider } = call.applicant;
            if (!modes.some((mode) => mode === provider.auth_mode)) throw otherMode(provider.name, provider.auth_mode);
            const credentials = checkCredentials(provider, withOverrides(body));
            const applicant = { ...call.applicant, credentials };
            const granted = (await deps.authorizer.firstToken(applicant)) ?? grantedBy(credentials, deps.clock());
            await verifyCredentials(deps, applicant, granted);
            const { connection, created } = await completeSignIn(deps, { ...call, applicant }, granted);
            return { connectionId: connection.connectionId, providerConfigKey: connection.providerConfigKey, created };
          };
          const { connectionId, providerConfigKey } = await notedSignIn(deps, at, signIn, (made) => made);
          return json({ providerConfigKey, connectionId });
        },
      }) satisfies ReturnType<Route>,
    );
  }
  return router;
}

/** The route that takes credentials of that mode. */
export function routeOf(mode: AuthMode): string {
  const found = Object.entries(ROUTES).find(([, modes]) => modes.some((one) => one === mode));
  return found === undefined ? 'POST /connections' : found[0];
}

/** The frontend package spells the client that replaces the integration's flat. */
function withOverrides(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { oauth_client_id_override: id, oauth_client_secret_override: secret, ...rest } = body;
  if (id === undefined && secret === undefined) return rest;
  return { ...rest, config_override: { client_id: id, client_secret: secret } };
}

function otherMode(provider: string, mode: AuthMode): EngineError {
  return new EngineError(
    'invalid_body',
    `Provider '${provider}' signs in by ${mode}: its credentials go to ${routeOf(mode)}.`,
  );
}
