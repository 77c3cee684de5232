/** Authorization servers that learn of a client without anybody who registers it by hand, as those of MCP servers do. */
import type { Credentials } from '../../contract/credentials.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, filled, textOf } from './applicant.ts';
import { authGrammar } from './grammar.ts';
import { askTokenEndpoint } from './token-endpoint.ts';

const NAME = 'nango-temporal';

/** What a client says of itself, by RFC 7591 section 2. */
export function clientMetadata(redirectUri: string) {
  return {
    client_name: NAME,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };
}

/**
 * Registers a client (RFC 7591) and answers its `client_id`, and its `client_secret` if it was given one. The entry's
 * `registration_params` stand over what we say by ourselves. Throws as `askTokenEndpoint`, and `configuration_invalid`
 * without a `registration_url`.
 */
export async function registerClient(
  exchange: Exchange,
  applicant: Applicant,
  redirectUri: string,
): Promise<Credentials> {
  const { registration_url: template, registration_params: params } = authGrammar(applicant.provider);
  const { name } = applicant.provider;
  if (template === undefined) {
    throw new EngineError('configuration_invalid', `Provider '${name}' has no registration_url in its entry.`);
  }
  const url = filled(applicant, template, 'registration_url');
  const said = { ...clientMetadata(redirectUri), token_endpoint_auth_method: 'client_secret_post', ...params };
  const answer = await askTokenEndpoint(exchange, {
    name: 'registration endpoint',
    url,
    headers: {},
    body: { text: JSON.stringify(said), contentType: 'application/json' },
  });
  const clientId = textOf(answer, 'client_id');
  const clientSecret = textOf(answer, 'client_secret');
  if (clientId === undefined) {
    throw new EngineError(
      'token_endpoint_failed',
      `The registration endpoint of provider '${name}' gave no client_id.`,
    );
  }
  return { client_id: clientId, ...(clientSecret !== undefined && { client_secret: clientSecret }) };
}
