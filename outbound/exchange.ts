/** One HTTP exchange on the wire: connection pools, address policy, redirects. Knows nothing of providers or retries. */
import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import got, { type Got, type Request, type Response } from 'got';
import { EngineError } from '../contract/failures.ts';
import type { ClientCertificate } from './client-certificate.ts';
import { bodylessHeaders, type Headers, neutralHeaders } from './headers.ts';
import { type AddressPolicy, createAddressPolicy } from './ssrf.ts';
import { describeFailure, networkCode } from './unreachable.ts';

export type ExchangeRequest = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array | Readable | undefined;
  /** Of a body that streams, when it is known; no header says it. @default sent in chunks */
  readonly length?: number | undefined;
  /** Decode the answer; its content-encoding and content-length are gone then. */
  readonly decompress: boolean;
  /** Keep all headers, credentials too, when a redirect leads to another host. */
  readonly forwardHeaders: boolean;
  /** `none`: a redirect is an answer like any other. @default follow */
  readonly redirects?: 'follow' | 'none';
  /** Shown to the first host, and to no other that a redirect leads to. @default none */
  readonly certificate?: ClientCertificate | undefined;
};

/** Any answer, whatever its status. The body must be read to its end or destroyed. */
export type ExchangeAnswer = {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
};

export type Exchange = {
  /** One exchange, redirects followed. Throws `upstream_unreachable`, `upstream_refused` or `script_aborted`. */
  readonly attempt: (request: ExchangeRequest, signal: AbortSignal) => Promise<ExchangeAnswer>;
  /** Closes the pooled connections. */
  readonly close: () => void;
};

const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Below this a discarded body is read to its end, which keeps the connection; above, the connection is given up. */
const DRAIN_BYTES = 64 * 1024;
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Opens the connection pools, two kinds of them: names the operator allowed resolve freely, all others guarded. */
export function createExchange(options: {
  readonly allow: readonly string[];
  readonly connectTimeoutMs: number;
  /** Longest silence before an answer begins. */
  readonly answerTimeoutMs: number;
}): Exchange {
  const policy = createAddressPolicy(options.allow);
  const pools = { open: createPool(), guarded: createPool(policy.lookup) };
  const timeout = { connect: options.connectTimeoutMs, response: options.answerTimeoutMs };
  const base = got.extend({ throwHttpErrors: false, followRedirect: false, retry: { limit: 0 }, timeout });
  const clients = {
    open: base.extend({ agent: pools.open }),
    guarded: base.extend({ agent: pools.guarded }),
    check: policy.check,
  };
  return {
    attempt: (request, signal) => follow(clients, request, signal),
    close: () => {
      for (const pool of Object.values(pools)) for (const agent of Object.values(pool)) agent.destroy();
    },
  };
}

/** Reads a body nobody wants, if it is short, so that its connection can serve the next call; otherwise drops both. */
export function discard(answer: ExchangeAnswer): void {
  answer.body.on('error', () => {});
  const length = Number(answer.headers['content-length'] ?? Number.POSITIVE_INFINITY);
  if (length <= DRAIN_BYTES) answer.body.resume();
  else answer.body.destroy();
}

type Clients = Readonly<Record<'open' | 'guarded', Got>> & Pick<AddressPolicy, 'check'>;

function createPool(lookup?: AddressPolicy['lookup']): { http: http.Agent; https: https.Agent } {
  const settings = { keepAlive: true, maxFreeSockets: 256, ...(lookup && { lookup }) };
  return { http: new http.Agent(settings), https: new https.Agent(settings) };
}

async function follow(clients: Clients, first: ExchangeRequest, signal: AbortSignal): Promise<ExchangeAnswer> {
  let request = first;
  for (let redirects = 0; ; redirects += 1) {
    const answer = await send(clients[clients.check(request.url)], request, signal);
    const next = redirected(request, answer);
    if (next === undefined) return answer;
    discard(answer);
    if (redirects === MAX_REDIRECTS) throw tooManyRedirects(first);
    request = next;
  }
}

/** The request a redirect asks for, or undefined when the answer is to be taken as it is. */
function redirected(request: ExchangeRequest, answer: ExchangeAnswer): ExchangeRequest | undefined {
  if (request.redirects === 'none') return undefined;
  const location = answer.headers.location;
  if (location === undefined || !REDIRECTS.has(answer.status) || !URL.canParse(location, request.url.href))
    return undefined;
  const url = new URL(location, request.url);
  const turnsGet = answer.status === 303 ? request.method !== 'HEAD' : answer.status < 303 && request.method === 'POST';
  // A stream has been sent and is gone: the caller, who may still have it, gets the redirect itself.
  if (!turnsGet && request.body instanceof Readable) return undefined;
  const kept = turnsGet ? bodylessHeaders(request.headers) : request.headers;
  const leaves = url.host !== request.url.host || (request.url.protocol === 'https:' && url.protocol === 'http:');
  const headers = leaves && !request.forwardHeaders ? neutralHeaders(kept) : kept;
  const certificate = leaves ? undefined : request.certificate;
  return { ...request, url, headers, certificate, ...(turnsGet && { method: 'GET', body: undefined }) };
}

/** A pooled connection may have been closed by the other side just now; what is safe to repeat goes out once more. */
async function send(client: Got, request: ExchangeRequest, signal: AbortSignal): Promise<ExchangeAnswer> {
  const repeatable = IDEMPOTENT.has(request.method) && !(request.body instanceof Readable);
  const socket = { reused: false };
  try {
    return await open(client, { request, socket }, signal);
  } catch (error) {
    const closed = networkCode(error) === 'ECONNRESET' || networkCode(error) === 'EPIPE';
    if (!repeatable || !closed || !socket.reused) throw error;
    return open(client, { request, socket }, signal);
  }
}

type Sending = { readonly request: ExchangeRequest; readonly socket: { reused: boolean } };

function open(client: Got, { request, socket }: Sending, signal: AbortSignal): Promise<ExchangeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ExchangeAnswer>();
  const exchange = start(client, request, signal);
  exchange.once('error', (error) => reject(describeFailure(error, request, signal)));
  exchange.once('request', (sent: http.ClientRequest) => {
    sent.once('socket', () => {
      socket.reused = sent.reusedSocket;
    });
  });
  exchange.once('response', (response: Response) => {
    // Kept for the body's later failure: without a listener it would end the process before a reader attaches.
    exchange.on('error', () => {});
    resolve({
      status: response.statusCode,
      statusText: response.statusMessage ?? '',
      headers: response.headers,
      body: exchange,
    });
  });
  return promise;
}

function start(client: Got, request: ExchangeRequest, signal: AbortSignal): Request {
  const { method, url, body, decompress, certificate } = request;
  const headers = framed(request);
  const options = { method: method as 'GET', headers, decompress, signal, ...(certificate && { https: certificate }) };
  if (body === undefined) {
    const exchange = client.stream(url, options);
    // The client waits for a body to be written where the method may have one.
    if (method !== 'GET' && method !== 'HEAD') exchange.end();
    return exchange;
  }
  return client.stream(url, { ...options, body, ...(method === 'GET' && { allowGetBody: true }) });
}

/**
 * With the length of the body and nobody else's idea of it: a connection serves one call after the other, of whomever they
 * are, and the rest of one that says it is shorter than it is would be read as the beginning of the next one. The client
 * adds the length of a body that it has as a whole.
 */
function framed({ headers, body, length }: ExchangeRequest): Headers {
  const { 'content-length': _, ...others } = headers;
  return body instanceof Readable && length !== undefined ? { ...others, 'content-length': String(length) } : others;
}

function tooManyRedirects({ method, url }: ExchangeRequest): EngineError {
  return new EngineError(
    'upstream_refused',
    `${method} to '${url.host}' was redirected more than ${MAX_REDIRECTS} times.`,
  );
}
