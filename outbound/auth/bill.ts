/** Sessions of BILL (https://developer.bill.com/reference/login), which mode BILL is named after. */
import type { Granted } from '../../contract/credentials.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, filled, granted, textOf } from './applicant.ts';
import { authGrammar, tokenUrl } from './grammar.ts';
import { askTokenEndpoint } from './token-endpoint.ts';

/** An idle session ends after this time; ours may be idle from its first moment on. */
const SESSION_MS = 35 * 60_000;

/**
 * Signs in with user name, password, organization and developer key, and keeps the session's id beside them. Throws as
 * `askTokenEndpoint`.
 */
export async function* openBillSession(exchange: Exchange, applicant: Applicant, now: Date): AsyncGenerator<Granted> {
  const { provider, credentials } = applicant;
  const body = {
    username: textOf(credentials, 'username'),
    password: textOf(credentials, 'password'),
    organizationId: textOf(credentials, 'organization_id'),
    devKey: textOf(credentials, 'dev_key'),
  };
  const answer = await askTokenEndpoint(exchange, {
    name: 'sign-in',
    url: filled(applicant, tokenUrl(provider), 'token_url'),
    headers: {},
    body: { text: JSON.stringify(body), contentType: 'application/json' },
  });
  const sessionId = textOf(answer, 'sessionId');
  if (sessionId === undefined) {
    throw new EngineError(
      'token_endpoint_failed',
      `The sign-in of provider '${provider.name}' answered without a sessionId.`,
    );
  }
  const { token_expires_in_ms: lifeMs = SESSION_MS, token_expiration_buffer: bufferSeconds } = authGrammar(provider);
  const expiresAt = new Date(now.getTime() + lifeMs);
  const kept = {
    ...credentials,
    type: 'BILL',
    session_id: sessionId,
    user_id: textOf(answer, 'userId') ?? null,
    expires_at: expiresAt.toISOString(),
  };
  yield granted(kept, { expiresAt, now, bufferSeconds });
}
