/** Tokens of an app's installation, as GitHub gives them: the app shows itself by a JWT signed with its private key. */
import type { Granted } from '../../contract/credentials.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, filled, filledAll, granted, textOf } from './applicant.ts';
import { authGrammar, tokenUrl } from './grammar.ts';
import { canRefresh, refreshOauth2 } from './oauth2.ts';
import { signedJwt } from './signed-token.ts';
import { askTokenEndpoint } from './token-endpoint.ts';
import { readMoment } from './token-response.ts';

/** GitHub allows ten minutes, and clocks that differ a little. */
const JWT_LIFE_MS = 9 * 60_000;
const CLOCK_DIFFERENCE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** An installation token for `connection_config.installation_id`; `app_id` and `private_key` are the integration's. */
export async function* requestInstallationToken(
  exchange: Exchange,
  applicant: Applicant,
  now: Date,
): AsyncGenerator<Granted> {
  const token = await installationToken(exchange, applicant, now);
  const end = {
    expiresAt: token.expiresAt,
    now,
    bufferSeconds: authGrammar(applicant.provider).token_expiration_buffer,
  };
  yield granted({ ...applicant.credentials, type: 'APP', ...token.credentials }, end);
}

/**
 * An app's installation and the person who installed it, in one connection: `{ app, user }`. The person's grant is
 * refreshed only where it has a refresh token. The earlier end of the two counts.
 */
export async function* requestAppAndUser(exchange: Exchange, applicant: Applicant, now: Date): AsyncGenerator<Granted> {
  const bufferSeconds = authGrammar(applicant.provider).token_expiration_buffer;
  const given = (applicant.credentials['user'] ?? {}) as Readonly<Record<string, unknown>>;
  const asUser: Applicant = { ...applicant, credentials: given };
  let user = given;
  let userEnd = readMoment(given['expires_at'] ?? '');
  const together = (app: unknown, appEnd: Date | null): Granted => {
    const ends = [userEnd, appEnd].filter((end) => end !== null).map((end) => end.getTime());
    const expiresAt = ends.length === 0 ? null : new Date(Math.min(...ends));
    return granted({ ...applicant.credentials, type: 'CUSTOM', app, user }, { expiresAt, now, bufferSeconds });
  };
  if (canRefresh(asUser) && userEnd !== null && userEnd.getTime() - now.getTime() < HOUR_MS) {
    for await (const next of refreshOauth2(exchange, asUser, now)) {
      user = next.credentials;
      userEnd = next.expiresAt;
      // At once: the old refresh token is spent, whatever becomes of the rest.
      yield together(
        applicant.credentials['app'],
        readMoment((applicant.credentials['app'] as { expires_at?: unknown } | undefined)?.expires_at ?? ''),
      );
    }
  }
  const app = await installationToken(exchange, applicant, now);
  yield together({ type: 'APP', ...app.credentials }, app.expiresAt);
}

async function installationToken(exchange: Exchange, applicant: Applicant, now: Date) {
  const { provider, integration } = applicant;
  const appId = textOf(integration, 'app_id') ?? textOf(applicant.credentials, 'app_id');
  const key = textOf(integration, 'private_key') ?? textOf(applicant.credentials, 'private_key');
  if (appId === undefined || key === undefined) {
    throw new EngineError(
      'integration_incomplete',
      `Integration '${applicant.providerConfigKey}' lacks app_id or private_key: set them with PATCH /integrations/${applicant.providerConfigKey}.`,
    );
  }
  const jwt = await signedJwt(applicant, {
    key,
    header: { alg: 'RS256', typ: 'JWT' },
    payload: { iss: appId },
    now: new Date(now.getTime() - CLOCK_DIFFERENCE_MS),
    expiresAt: new Date(now.getTime() + JWT_LIFE_MS),
  });
  const answer = await askTokenEndpoint(exchange, {
    url: filled(applicant, tokenUrl(provider, 'APP'), 'token_url'),
    headers: {
      ...filledAll(applicant, authGrammar(provider).token_headers, 'token_headers'),
      authorization: `Bearer ${jwt}`,
    },
    body: { text: '{}', contentType: 'application/json' },
  });
  const token = answer['token'] ?? answer['access_token'];
  if (typeof token !== 'string') {
    throw new EngineError(
      'token_endpoint_failed',
      `The token endpoint of provider '${provider.name}' answered without a token.`,
    );
  }
  const expiresAt = readMoment(answer['expires_at'] ?? '') ?? new Date(now.getTime() + HOUR_MS);
  return { credentials: { access_token: token, expires_at: expiresAt.toISOString(), raw: answer }, expiresAt };
}
