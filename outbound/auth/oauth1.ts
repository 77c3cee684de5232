/** OAuth 1.0a (RFC 5849): the way of a person to a provider, and the signature of each call. TBA is its NetSuite dialect. */
import { createHmac, createPrivateKey, createSign } from 'node:crypto';
import OAuth from 'oauth-1.0a';
import type { Credentials, Granted } from '../../contract/credentials.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, filled, filledAll, granted, textOf } from './applicant.ts';
import { type AuthGrammar, authGrammar, tokenUrl } from './grammar.ts';
import { askTokenEndpoint, type TokenAnswer } from './token-endpoint.ts';
import { pick } from './token-response.ts';

type Method = NonNullable<AuthGrammar['signature_method']>;
type Client = { readonly id: string; readonly secret: string };
type Token = { readonly key: string; readonly secret: string };

/** Gets a request token and says where the person signs in; the token comes back with them and is the sign-in's name. */
export async function requestTokenUrl(
  exchange: Exchange,
  applicant: Applicant,
  callbackUrl: string,
): Promise<{ readonly url: URL; readonly state: string; readonly secret: string }> {
  const grammar = authGrammar(applicant.provider);
  if (grammar.request_url === undefined || grammar.authorization_url === undefined) {
    throw new EngineError(
      'configuration_invalid',
      `Provider '${applicant.provider.name}' lacks request_url or authorization_url.`,
    );
  }
  const answer = await signedRequest(exchange, applicant, {
    url: filled(applicant, grammar.request_url, 'request_url'),
    method: grammar.request_http_method,
    params: { oauth_callback: callbackUrl, ...filledAll(applicant, grammar.request_params, 'request_params') },
    token: undefined,
  });
  const { key, secret } = tokenIn(answer, applicant);
  const url = new URL(filled(applicant, grammar.authorization_url, 'authorization_url'));
  url.searchParams.set('oauth_token', key);
  for (const [name, value] of Object.entries(
    filledAll(applicant, grammar.authorization_params, 'authorization_params'),
  ))
    url.searchParams.set(name, value);
  return { url, state: key, secret };
}

/** The credentials for a request token that the person has allowed. */
export async function exchangeVerifier(
  exchange: Exchange,
  applicant: Applicant,
  given: { readonly token: Token; readonly verifier: string; readonly now: Date },
): Promise<Granted> {
  const grammar = authGrammar(applicant.provider);
  const answer = await signedRequest(exchange, applicant, {
    url: filled(applicant, tokenUrl(applicant.provider), 'token_url'),
    method: grammar.token_http_method,
    params: { oauth_verifier: given.verifier, ...filledAll(applicant, grammar.token_params, 'token_params') },
    token: given.token,
  });
  const { key, secret } = tokenIn(answer, applicant);
  const credentials = { type: 'OAUTH1', oauth_token: key, oauth_token_secret: secret, raw: answer };
  return granted(
    credentials,
    { expiresAt: null, now: given.now, bufferSeconds: undefined },
    pick(answer, grammar.token_response_metadata),
  );
}

/** The Authorization header of a call. Fields of a form body are part of what is signed, other bodies are not. */
export function oauth1Header(
  applicant: Pick<Applicant, 'provider' | 'integration' | 'credentials' | 'connectionConfig' | 'providerConfigKey'>,
  call: { readonly method: string; readonly url: URL; readonly form: string | undefined },
): string {
  const { credentials, connectionConfig, provider } = applicant;
  const isTba = provider.auth_mode === 'TBA';
  const key = textOf(credentials, isTba ? 'token_id' : 'oauth_token') ?? '';
  const secret = textOf(credentials, isTba ? 'token_secret' : 'oauth_token_secret') ?? '';
  const override = (credentials['config_override'] ?? {}) as Credentials;
  const client = clientOf({ ...applicant, integration: { ...applicant.integration, ...override } });
  const realm = isTba
    ? String(connectionConfig['accountId'] ?? '')
        .toUpperCase()
        .replaceAll('-', '_')
    : undefined;
  const method = authGrammar(provider).signature_method ?? (isTba ? 'HMAC-SHA256' : 'HMAC-SHA1');
  const oauth = signer(client, method, realm);
  const data = call.form === undefined ? {} : fieldsOf(call.form);
  return oauth.toHeader(oauth.authorize({ url: call.url.href, method: call.method, data }, { key, secret }))
    .Authorization;
}

async function signedRequest(
  exchange: Exchange,
  applicant: Applicant,
  asked: {
    readonly url: string;
    readonly method: string;
    readonly params: Readonly<Record<string, string>>;
    readonly token: Token | undefined;
  },
): Promise<TokenAnswer> {
  const oauth = signer(clientOf(applicant), authGrammar(applicant.provider).signature_method ?? 'HMAC-SHA1', undefined);
  const method = asked.method.toUpperCase() === 'GET' ? 'GET' : 'POST';
  const signed = oauth.authorize({ url: asked.url, method, data: asked.params }, asked.token);
  const header = oauth.toHeader({ ...signed, ...asked.params } as OAuth.Authorization).Authorization;
  // The header has the parameters of the protocol alone: a provider's own go into the query, which is signed as well.
  const url = new URL(asked.url);
  for (const [name, value] of Object.entries(asked.params)) {
    if (!name.startsWith('oauth_')) url.searchParams.append(name, value);
  }
  return askTokenEndpoint(exchange, {
    url: url.href,
    method,
    headers: { authorization: header, accept: 'application/x-www-form-urlencoded, application/json' },
    body: undefined,
  });
}

function signer(client: Client, method: Method, realm: string | undefined): OAuth {
  return new OAuth({
    consumer: { key: client.id, secret: client.secret },
    signature_method: method,
    ...(realm !== undefined && { realm }),
    hash_function: (base, key) => signatureOf(method, base, key, client),
  });
}

function signatureOf(method: Method, base: string, key: string, client: Client): string {
  switch (method) {
    case 'HMAC-SHA1':
      return createHmac('sha1', key).update(base).digest('base64');
    case 'HMAC-SHA256':
      return createHmac('sha256', key).update(base).digest('base64');
    case 'PLAINTEXT':
      return key;
    case 'RSA-SHA1':
      return createSign('RSA-SHA1').update(base).sign(createPrivateKey(client.secret), 'base64');
    default:
      return method satisfies never;
  }
}

function clientOf({ integration, providerConfigKey }: Pick<Applicant, 'integration' | 'providerConfigKey'>): Client {
  const id = textOf(integration, 'client_id') ?? textOf(integration, 'oauth_client_id');
  const secret = textOf(integration, 'client_secret') ?? textOf(integration, 'oauth_client_secret');
  if (id !== undefined && secret !== undefined) return { id, secret };
  throw new EngineError(
    'integration_incomplete',
    `Integration '${providerConfigKey}' lacks client_id or client_secret: set them with PATCH /integrations/${providerConfigKey}.`,
  );
}

function tokenIn(answer: TokenAnswer, { provider }: Pick<Applicant, 'provider'>): Token {
  const key = textOf(answer, 'oauth_token');
  const secret = textOf(answer, 'oauth_token_secret');
  if (key !== undefined && secret !== undefined) return { key, secret };
  throw new EngineError(
    'token_endpoint_failed',
    `Provider '${provider.name}' answered without oauth_token and oauth_token_secret.`,
  );
}

/** Names that come several times are signed as lists. */
function fieldsOf(form: string): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {};
  const query = new URLSearchParams(form);
  for (const name of query.keys()) {
    const values = query.getAll(name);
    fields[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return fields;
}
