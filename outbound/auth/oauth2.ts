/** The OAuth 2 authorization code flow, and refreshing what it gave. */
import * as oauth from 'oauth4webapi';
import { importPKCS8 } from 'jose';
import type { Granted } from '../../contract/credentials.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, filled, filledAll, granted, nameApplicant, textOf } from './applicant.ts';
import { authGrammar, tokenUrl } from './grammar.ts';
import { type ClientProof, requestGrant, type TokenAnswer } from './token-endpoint.ts';
import { pick, readTokens, valueAt } from './token-response.ts';

/** What goes along to the provider and must be there again when the person comes back. */
export type Departure = { readonly url: URL; readonly state: string; readonly verifier: string | undefined };

/**
 * The address at which the person signs in. PKCE (S256) unless the provider's entry says `disable_pkce`; `extra` are the
 * session's own authorization parameters. Throws `integration_incomplete` without a client id.
 */
export async function authorizationUrl(
  applicant: Applicant,
  way: {
    readonly redirectUri: string;
    readonly scopes: readonly string[];
    readonly userScopes: readonly string[];
    readonly extra: Readonly<Record<string, string>>;
  },
): Promise<Departure> {
  const { provider } = applicant;
  const grammar = authGrammar(provider);
  const clientId = clientIdOf(applicant);
  if (grammar.authorization_url === undefined) {
    throw new EngineError(
      'configuration_invalid',
      `Provider '${provider.name}' has no authorization_url in its entry.`,
    );
  }
  const address = filled(applicant, grammar.authorization_url, 'authorization_url');
  if (!URL.canParse(address)) {
    throw new EngineError(
      'invalid_body',
      `The authorization_url of provider '${provider.name}' is not a URL: check the connection_config.`,
    );
  }
  const url = new URL(address);
  const state = oauth.generateRandomState();
  const verifier = grammar.disable_pkce ? undefined : oauth.generateRandomCodeVerifier();
  const params: Record<string, string> = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: way.redirectUri,
    ...(way.scopes.length > 0 && { scope: way.scopes.join(grammar.scope_separator) }),
    ...(way.userScopes.length > 0 && { user_scope: way.userScopes.join(grammar.scope_separator) }),
    ...filledAll(applicant, grammar.authorization_params, 'authorization_params'),
    ...way.extra,
    state,
    ...(verifier !== undefined && {
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }),
  };
  const kept = Object.entries(params).filter(([, value]) => value !== '' || !grammar.authorization_url_skip_empty);
  url.search = queryOf(url.searchParams, Object.fromEntries(kept), grammar.authorization_url_skip_encode);
  if (grammar.authorization_url_fragment !== undefined) url.hash = grammar.authorization_url_fragment;
  return { url: replaced(url, grammar.authorization_url_replacements), state, verifier };
}

/** What came back with the person: a code, or why there is none (`authorization_denied`, with the provider's own words). */
export function readCallback(applicant: Pick<Applicant, 'provider'>, query: URLSearchParams): string {
  const name = authGrammar(applicant.provider).authorization_code_param_in_callback;
  const params = new URLSearchParams(query);
  // Which issuer is behind a provider is not part of its entry; the sign-in is bound to it by its state.
  params.delete('iss');
  const server = { issuer: 'https://provider.invalid' };
  try {
    oauth.validateAuthResponse(server, { client_id: '-' }, params, oauth.skipStateCheck);
  } catch (cause) {
    const { error, error_description: description } = Object.fromEntries(query);
    const said =
      error === undefined ? 'an answer that cannot be read' : [error, description].filter(Boolean).join(': ');
    throw new EngineError(
      'authorization_denied',
      `Provider '${applicant.provider.name}' did not let you in: ${said.slice(0, 500)}`,
      { cause },
    );
  }
  const code = query.get(name);
  if (code !== null && code !== '') return code;
  throw new EngineError(
    'authorization_denied',
    `Provider '${applicant.provider.name}' sent you back without a '${name}': start again.`,
  );
}

/** The credentials for a code. Throws as `askTokenEndpoint`. */
export async function exchangeCode(
  exchange: Exchange,
  applicant: Applicant,
  given: {
    readonly code: string;
    readonly redirectUri: string;
    readonly verifier: string | undefined;
    readonly now: Date;
  },
): Promise<Granted> {
  const { provider } = applicant;
  const grammar = authGrammar(provider);
  const answer = await requestGrant(exchange, {
    url: filled(applicant, tokenUrl(provider, 'OAUTH2'), 'token_url'),
    proof: await proofOf(applicant),
    headers: filledAll(applicant, grammar.token_headers, 'token_headers'),
    bodyFormat: grammar.body_format,
    params: {
      grant_type: 'authorization_code',
      code: given.code,
      redirect_uri: given.redirectUri,
      ...(given.verifier !== undefined && { code_verifier: given.verifier }),
      ...filledAll(applicant, grammar.token_params, 'token_params'),
    },
  });
  return grantedBy(applicant, answer, given.now);
}

/** Whether the credentials hold what a new access token is asked for with. */
export function canRefresh({ credentials }: Pick<Applicant, 'credentials'>): boolean {
  return textOf(credentials, 'refresh_token') !== undefined;
}

/**
 * Asks for a new access token. Where a grant has two tokens (a bot's and a user's), each with its own refresh token, both
 * are asked for, and the credentials are given after each: the first must be kept although the second fails.
 */
export async function* refreshOauth2(exchange: Exchange, applicant: Applicant, now: Date): AsyncGenerator<Granted> {
  const { provider, credentials } = applicant;
  const path = authGrammar(provider).alternate_access_token_response_path?.split('.').slice(0, -1) ?? [];
  const raw = (credentials['raw'] ?? {}) as TokenAnswer;
  const beside = path.length === 0 ? undefined : valueAt(raw, [...path, 'refresh_token']);
  const main = textOf(credentials, 'refresh_token') ?? '';
  const other = beside === main ? valueAt(raw, ['refresh_token']) : undefined;
  if (typeof other !== 'string' || other === main) {
    yield grantedBy(applicant, await refreshRequest(exchange, applicant, main), now);
    return;
  }
  const first = { ...raw, ...(await refreshRequest(exchange, applicant, other)), [path[0] ?? '']: raw[path[0] ?? ''] };
  yield grantedBy(applicant, first, now);
  const own = await refreshRequest(exchange, applicant, main);
  const place = (valueAt(first, path) ?? {}) as TokenAnswer;
  yield grantedBy(applicant, withValueAt(first, path, { ...place, ...own }), now);
}

function refreshRequest(exchange: Exchange, applicant: Applicant, refreshToken: string): Promise<TokenAnswer> {
  const grammar = authGrammar(applicant.provider);
  const url = grammar.refresh_url ?? tokenUrl(applicant.provider, 'OAUTH2');
  return proofOf(applicant).then((proof) =>
    requestGrant(exchange, {
      url: filled(applicant, url, 'refresh_url'),
      proof,
      headers: filledAll(applicant, grammar.token_headers, 'token_headers'),
      bodyFormat: grammar.body_format,
      params: {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        ...filledAll(applicant, grammar.refresh_params, 'refresh_params'),
      },
    }),
  );
}

function grantedBy(applicant: Applicant, answer: TokenAnswer, now: Date): Granted {
  const grammar = authGrammar(applicant.provider);
  const { accessToken, refreshToken, expiresAt } = readTokens(answer, applicant.provider, now);
  // Whoever does not rotate sends none: the old one stays good.
  const kept = refreshToken ?? textOf(applicant.credentials, 'refresh_token');
  // A client that was registered for this connection: the next token is asked for as the same.
  const { client_id: clientId, client_secret: clientSecret } = applicant.credentials;
  const credentials = {
    type: 'OAUTH2',
    ...(clientId !== undefined && { client_id: clientId }),
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
    access_token: accessToken,
    ...(kept !== undefined && { refresh_token: kept }),
    ...(expiresAt !== null && { expires_at: expiresAt.toISOString() }),
    raw: answer,
  };
  const end = { expiresAt, now, bufferSeconds: grammar.token_expiration_buffer };
  return granted(credentials, end, pick(answer, grammar.token_response_metadata));
}

/** How this client shows itself at the token endpoint, as the provider's entry says. */
export async function proofOf(applicant: Applicant): Promise<ClientProof> {
  const grammar = authGrammar(applicant.provider);
  const clientId = clientIdOf(applicant);
  const clientSecret = textOf(applicant.integration, 'client_secret') ?? textOf(applicant.credentials, 'client_secret');
  switch (grammar.token_request_auth_method) {
    case 'custom':
      return { method: 'custom', clientId };
    case 'private_key_jwt': {
      const key = textOf(applicant.integration, 'private_key') ?? textOf(applicant.credentials, 'client_private_key');
      if (key === undefined) throw incomplete(applicant, 'private_key');
      return { method: 'private_key_jwt', clientId, key: await importPKCS8(key, 'RS256') };
    }
    default: {
      const basic = grammar.token_request_auth_method === 'basic' || grammar.authorization_method === 'header';
      return { method: basic ? 'basic' : 'body', clientId, clientSecret };
    }
  }
}

function clientIdOf(applicant: Applicant): string {
  const id = textOf(applicant.integration, 'client_id') ?? textOf(applicant.credentials, 'client_id');
  if (id === undefined) throw incomplete(applicant, 'client_id');
  return id;
}

function incomplete(applicant: Applicant, name: string): EngineError {
  return new EngineError(
    'integration_incomplete',
    `Integration '${applicant.providerConfigKey}' has no '${name}' (${nameApplicant(applicant)} needs it): set it with PATCH /integrations/${applicant.providerConfigKey}.`,
  );
}

function queryOf(own: URLSearchParams, params: Readonly<Record<string, string>>, plain: readonly string[]): string {
  const query = new URLSearchParams(own);
  for (const [name, value] of Object.entries(params)) if (!plain.includes(name)) query.set(name, value);
  const asWritten = Object.entries(params).filter(([name]) => plain.includes(name));
  return [query.toString(), ...asWritten.map(([name, value]) => `${name}=${value}`)]
    .filter((part) => part !== '')
    .join('&');
}

function replaced(url: URL, replacements: Readonly<Record<string, string>>): URL {
  return new URL(Object.entries(replacements).reduce((text, [from, to]) => text.replaceAll(from, to), url.href));
}

function withValueAt(from: TokenAnswer, path: readonly string[], value: unknown): TokenAnswer {
  const [name, ...rest] = path;
  if (name === undefined) return value as TokenAnswer;
  const inner = rest.length === 0 ? value : withValueAt((from[name] ?? {}) as TokenAnswer, rest, value);
  return { ...from, [name]: inner };
}
