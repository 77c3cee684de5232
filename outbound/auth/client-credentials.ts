import type { Granted } from '../../contract/credentials.ts';
import { certificateOf } from '../client-certificate.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, filled, filledAll, granted, textOf } from './applicant.ts';
import { authGrammar, tokenUrl } from './grammar.ts';
import { proofOf } from './oauth2.ts';
import { requestGrant } from './token-endpoint.ts';
import { pick, readTokens } from './token-response.ts';

/** A token for the client itself, by the id and secret that the connection was given. */
export async function* requestClientToken(
  exchange: Exchange,
  applicant: Applicant,
  now: Date,
): AsyncGenerator<Granted> {
  const { provider, credentials } = applicant;
  const grammar = authGrammar(provider);
  // The connection's own client goes before the integration's: these grants are made for each account.
  const asked: Applicant = { ...applicant, integration: { ...applicant.integration, ...credentials } };
  const scopes = textOf(asked.integration, 'scopes');
  const scope =
    scopes?.split(/[,\s]+/).join(grammar.scope_separator) ?? grammar.default_scopes.join(grammar.scope_separator);
  const answer = await requestGrant(exchange, {
    url: filled(asked, tokenUrl(provider, 'OAUTH2_CC'), 'token_url'),
    proof: await proofOf(asked),
    headers: filledAll(asked, grammar.token_headers, 'token_headers'),
    bodyFormat: grammar.body_format,
    certificate: certificateOf(provider, credentials),
    params: {
      grant_type: 'client_credentials',
      ...(scope !== '' && { scope }),
      ...filledAll(asked, grammar.token_params, 'token_params'),
    },
  });
  const { accessToken, expiresAt } = readTokens(answer, provider, now);
  const kept = {
    ...credentials,
    type: 'OAUTH2_CC',
    token: accessToken,
    expires_at: expiresAt?.toISOString() ?? null,
    raw: answer,
  };
  const end = { expiresAt, now, bufferSeconds: grammar.token_expiration_buffer };
  yield granted(kept, end, pick(answer, grammar.token_response_metadata));
}
