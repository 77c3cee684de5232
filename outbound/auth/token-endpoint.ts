/** One request to a provider's token endpoint and what its answer says. Secrets are never part of a message. */
import type { IncomingHttpHeaders } from 'node:http';
import type { CryptoKey } from 'jose';
import * as oauth from 'oauth4webapi';
import { EngineError } from '../../contract/failures.ts';
import type { ClientCertificate } from '../client-certificate.ts';
import type { Exchange } from '../exchange.ts';
import { readBody } from '../read-body.ts';
import { describeFailure } from '../unreachable.ts';
import { ownWords } from './own-words.ts';

export type TokenRequest = {
  /** What messages call it. @default token endpoint */
  readonly name?: string;
  readonly url: string;
  readonly method?: 'POST' | 'GET' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly text: string; readonly contentType: string } | undefined;
  /** Headers of the answer that count as part of it. @default none */
  readonly takes?: readonly string[];
  readonly certificate?: ClientCertificate | undefined;
};

/** How a client shows who it is: in the body, as Basic, not at all (templates do it), or by a signed assertion. */
export type ClientProof =
  | { readonly method: 'body' | 'basic'; readonly clientId: string; readonly clientSecret: string | undefined }
  | { readonly method: 'custom'; readonly clientId: string }
  | { readonly method: 'private_key_jwt'; readonly clientId: string; readonly key: CryptoKey };

/** A token endpoint's answer: an object of whatever shape, and the seconds it asks to be left alone after a refusal. */
export type TokenAnswer = Readonly<Record<string, unknown>>;

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
/** What providers call a grant that is gone for good; the first is RFC 6749's, the others are vendors' own words. */
const GONE = new Set([
  'invalid_grant',
  'bad_refresh_token',
  'invalid_refresh_token',
  'token_revoked',
  'token_expired',
  'account_inactive',
  'bad_verification_code',
  'invalid_code',
  'code_already_used',
]);
const CLIENT = new Set(['invalid_client', 'unauthorized_client', 'invalid_client_id', 'bad_client_secret']);

/**
 * Sends an OAuth 2 token request with the client's proof; `bodyFormat` json for providers that do not take forms.
 * Throws as `askTokenEndpoint`.
 */
export async function requestGrant(
  exchange: Exchange,
  request: {
    readonly url: string;
    readonly proof: ClientProof;
    readonly params: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly bodyFormat: string;
    readonly certificate?: ClientCertificate | undefined;
  },
): Promise<TokenAnswer> {
  const { grant_type: grantType = '', ...params } = request.params;
  let answer: TokenAnswer | undefined;
  const send = async (url: string, init: { headers: Record<string, string>; body?: unknown }): Promise<Response> => {
    const sent = { ...init.headers, ...request.headers };
    const { certificate, bodyFormat } = request;
    answer = await askTokenEndpoint(exchange, { headers: sent, certificate, ...written(url, init.body, bodyFormat) });
    return new Response(null);
  };
  const server = { issuer: 'https://provider.invalid', token_endpoint: request.url };
  await oauth.genericTokenEndpointRequest(
    server,
    { client_id: request.proof.clientId },
    clientAuth(request.proof),
    grantType,
    params,
    // Which addresses may be called, and over what, is the address policy's to say.
    { [oauth.customFetch]: send, [oauth.allowInsecureRequests]: true },
  );
  if (answer === undefined) throw new EngineError('internal', 'The token request was not sent');
  return answer;
}

/**
 * Sends one request and reads the answer, which may be JSON or a form. Throws `grant_refused` when the provider will not
 * give a token for this grant, `client_refused` when it does not take the integration's client, and
 * `token_endpoint_failed` for everything that may be over a moment later or that is no answer of a token endpoint.
 */
export async function askTokenEndpoint(exchange: Exchange, request: TokenRequest): Promise<TokenAnswer> {
  const url = parseUrl(request.url);
  const { name = 'token endpoint' } = request;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const sent = {
    method: request.method ?? 'POST',
    url,
    headers: {
      'user-agent': 'nango-temporal',
      accept: 'application/json',
      ...lowerCased(request.headers),
      ...(request.body && { 'content-type': request.body.contentType }),
    },
    body: request.body && Buffer.from(request.body.text),
    decompress: true,
    forwardHeaders: false,
    // A token endpoint that has moved must be corrected: its new place would get the client's secret.
    redirects: 'none' as const,
    certificate: request.certificate,
  };
  try {
    const received = await exchange.attempt(sent, signal);
    const bytes = await readBody(received.body, { maxBytes: MAX_ANSWER_BYTES, silentMs: TIMEOUT_MS });
    const type = String(received.headers['content-type'] ?? '');
    const text = bytes === undefined ? '' : Buffer.from(bytes).toString();
    const taken = headersNamed(received.headers, request.takes ?? []);
    return accepted(
      { status: received.status, type, text, taken },
      { name, url, retryAfter: received.headers['retry-after'], secrets: secretsOf(request) },
    );
  } catch (error) {
    if (error instanceof EngineError && OWN.has(error.code)) throw error;
    const cause = describeFailure(error, sent, signal);
    const reason = signal.aborted ? `gave no answer within ${TIMEOUT_MS / 1_000} s` : cause.message;
    throw new EngineError('token_endpoint_failed', `The ${name} at '${url.host}' failed: ${reason}`, { cause });
  }
}

const OWN: ReadonlySet<string> = new Set([
  'grant_refused',
  'client_refused',
  'token_endpoint_failed',
  'upstream_refused',
]);

type Received = {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly taken: Readonly<Record<string, string>>;
};

type Asked = {
  readonly name: string;
  readonly url: URL;
  readonly retryAfter: string | undefined;
  readonly secrets: readonly string[];
};

function accepted(received: Received, { name, url, retryAfter, secrets }: Asked): TokenAnswer {
  const answer = parseAnswer(received);
  const refusal = answer && refusalIn(answer, secrets);
  if (received.status < 400 && received.status >= 200 && answer !== undefined && refusal === undefined) return answer;
  const story = `The ${name} at '${url.host}' answered ${received.status}`;
  if (refusal === undefined) {
    const what = answer === undefined ? notJson(received, secrets) : 'without saying why';
    throw new EngineError('token_endpoint_failed', `${story} (${what}).`, payload(received.status, {}, retryAfter));
  }
  const { error, description } = refusal;
  const message = `${story}: ${error}${description === undefined ? '' : ` (${description})`}.`;
  const details = payload(received.status, { error, error_description: description }, retryAfter);
  if (CLIENT.has(error)) throw new EngineError('client_refused', message, details);
  if (
    GONE.has(error) ||
    (received.status >= 400 && received.status < 500 && received.status !== 429 && received.status !== 408)
  )
    throw new EngineError('grant_refused', message, {
      details: { payload: { ...details.details.payload, gone: GONE.has(error) } },
    });
  throw new EngineError('token_endpoint_failed', message, details);
}

/** With its own words, where it has some: a few refuse in plain text. */
function notJson({ type, text }: Received, secrets: readonly string[]): string {
  const kind = `${type.split(';')[0] || 'nothing'}, not JSON`;
  const words = ownWords(text, type, (said) => without(secrets, said));
  return words === undefined ? kind : `${kind}: ${words}`;
}

function payload(status: number, said: Readonly<Record<string, unknown>>, retryAfter: string | undefined) {
  return { details: { payload: { status, ...said, ...(retryAfter !== undefined && { retry_after: retryAfter }) } } };
}

function headersNamed(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  const found = names.map((name) => [name, headers[name.toLowerCase()]] as const);
  return Object.fromEntries(found.filter((pair): pair is readonly [string, string] => typeof pair[1] === 'string'));
}

/** The answer's body, and the headers that count as part of it: of an answer that has them the body may be anything. */
function parseAnswer({ taken, ...received }: Received): TokenAnswer | undefined {
  const body = parseBody(received);
  return body === undefined && Object.keys(taken).length === 0 ? undefined : { ...taken, ...body };
}

function parseBody({ type, text }: Omit<Received, 'taken'>): TokenAnswer | undefined {
  if (/^application\/x-www-form-urlencoded|^text\/plain/i.test(type) && /^[^{[<\s]+=/.test(text)) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as TokenAnswer) : undefined;
  } catch {
    return undefined;
  }
}

const LONGEST_WORD = 500;

/** `error` as RFC 6749 has it, an object, or `ok: false` beside it; some answer so with status 200. */
function refusalIn(
  answer: TokenAnswer,
  secrets: readonly string[],
): { error: string; description: string | undefined } | undefined {
  const { error } = answer;
  const nested = typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : undefined;
  const name = nested === undefined ? error : (nested['code'] ?? nested['type'] ?? nested['message'] ?? 'error');
  if (name === undefined || name === null || name === '' || name === false) {
    return answer['ok'] === false ? { error: 'refused', description: undefined } : undefined;
  }
  const said = answer['error_description'] ?? answer['error_message'] ?? nested?.['message'] ?? answer['message'];
  return {
    error: without(secrets, String(name)).slice(0, LONGEST_WORD),
    description: typeof said === 'string' ? without(secrets, said).slice(0, LONGEST_WORD) : undefined,
  };
}

const SHORTEST_SECRET = 6;

/** What a provider must not tell back to us: everything that was sent, less what is too short to be a secret. */
function secretsOf({ body, headers }: TokenRequest): string[] {
  const form = body?.contentType.startsWith('application/x-www-form-urlencoded') ?? false;
  const sent = form
    ? [...new URLSearchParams(body?.text).values()]
    : (body?.text.match(/"(?:[^"\\]|\\.)*"/g) ?? []).map((text) => String(JSON.parse(text)));
  const shown = Object.entries(headers).flatMap(([name, value]) =>
    /^authorization$/i.test(name) ? value.split(' ').slice(1) : [],
  );
  return [...sent, ...shown].filter((text) => text.length >= SHORTEST_SECRET && !/^[a-z_:-]+$/.test(text));
}

function without(secrets: readonly string[], text: string): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
}

/** The parameters where the provider's entry wants them. */
function written(address: string, params: unknown, format: string): Pick<TokenRequest, 'url' | 'body'> {
  const all = params as URLSearchParams;
  if (format === 'query') {
    const url = parseUrl(address);
    for (const [name, value] of all) url.searchParams.set(name, value);
    return { url: url.href, body: undefined };
  }
  return { url: address, body: bodyOf(Object.fromEntries(all), format) };
}

/**
 * Parameters of a token request as a form or as JSON. Throws `configuration_invalid` for XML, which would need to know the
 * shape that one provider wants.
 */
export function bodyOf(params: Readonly<Record<string, unknown>>, format: string): NonNullable<TokenRequest['body']> {
  if (format === 'json') return { text: JSON.stringify(params), contentType: 'application/json' };
  if (format === 'xml') throw new EngineError('configuration_invalid', "body_format 'xml' is not supported.");
  const texts = Object.entries(params).map(([name, value]): [string, string] => [name, String(value)]);
  return { text: new URLSearchParams(texts).toString(), contentType: 'application/x-www-form-urlencoded' };
}

function clientAuth(proof: ClientProof): oauth.ClientAuth {
  switch (proof.method) {
    case 'custom':
      return () => undefined;
    case 'private_key_jwt':
      return oauth.PrivateKeyJwt(proof.key);
    case 'body':
      return proof.clientSecret === undefined ? oauth.None() : oauth.ClientSecretPost(proof.clientSecret);
    case 'basic':
      // As most providers read it: RFC 6749 wants both percent-encoded first, which many of them do not undo.
      return (_server, client, _body, headers) => {
        const pair = Buffer.from(`${client.client_id}:${proof.clientSecret ?? ''}`).toString('base64');
        headers.set('authorization', `Basic ${pair}`);
      };
    default:
      return proof satisfies never;
  }
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function parseUrl(text: string): URL {
  if (URL.canParse(text)) return new URL(text);
  throw new EngineError(
    'upstream_refused',
    'The token_url is not a URL once its values are filled in: check the connection_config.',
  );
}
