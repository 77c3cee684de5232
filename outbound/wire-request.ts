/** From what a script or a caller of `/proxy` asks for to the request that goes on the wire: address, headers, body. */
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { RequestConfig } from '../contract/host.ts';
import { encodeBody } from './body.ts';
import { certificateOf } from './client-certificate.ts';
import type { Party } from './connection.ts';
import type { ExchangeRequest } from './exchange.ts';
import { callHeaders, statedContentType } from './headers.ts';
import { interpolateTree } from './interpolate.ts';
import { targetUrl } from './target.ts';
import type { Turns } from './turns.ts';
import type { Watch } from './watch.ts';

/** A call of `/proxy`. `path` is what follows it, its query exactly as it came. */
export type StreamCall = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** undefined for a request without one: an empty stream would be announced as a body of unknown length. */
  readonly body: Readable | Uint8Array | undefined;
  /** Of a body that streams: how many bytes it has, when that is known. */
  readonly length?: number | undefined;
  readonly retries?: number | undefined;
  readonly retryOn?: readonly number[] | undefined;
  readonly baseUrlOverride?: string | undefined;
  /** @default the provider's `proxy.decompress`, otherwise false: encoded bytes pass as they are */
  readonly decompress?: boolean | undefined;
  readonly forwardHeadersOnRedirect?: boolean | undefined;
  /** Hears of each exchange that is made for it. */
  readonly watch?: Watch;
  /** @default no others share the API's limits */
  readonly turns?: Turns;
};

const ACCEPT = 'application/json, text/plain, */*';

/** A call of `/proxy` as it goes on the wire, with `body` in place of its own. */
export function streamRequest(of: Party, call: StreamCall, body: StreamCall['body']): ExchangeRequest {
  const target = { endpoint: call.path, baseUrlOverride: call.baseUrlOverride };
  const { party, url } = beginCall(of, { ...target, method: call.method });
  // What streams by is known to no template: a signature is then over an empty body.
  const facts = { ...party.call, contentType: call.headers['content-type'] };
  const headers = callHeaders({ ...party, call: facts }, call.headers);
  return {
    method: call.method.toUpperCase(),
    url,
    headers,
    body,
    length: call.length,
    decompress: call.decompress ?? party.provider.proxy?.decompress ?? false,
    forwardHeaders: forwardsHeaders(party, call),
    certificate: certificateOf(party.provider, party.connection.credentials),
  };
}

/** A script's call as it goes on the wire. */
export async function scriptRequest(of: Party, config: RequestConfig): Promise<ExchangeRequest> {
  const { party, url } = beginCall(of, config);
  const encoded = await encodeBody(withProviderBody(party, config), statedContentType(party, config.headers));
  const call = {
    ...party.call,
    contentType: encoded?.contentType,
    // Read only by a template that signs the body.
    get body() {
      return encoded === undefined ? '' : Buffer.from(encoded.bytes).toString('utf8');
    },
  };
  const headers = callHeaders({ ...party, call }, config.headers);
  headers['accept'] ??= ACCEPT;
  if (encoded !== undefined) headers['content-type'] = encoded.contentType;
  return {
    method: config.method.toUpperCase(),
    url,
    headers,
    body: encoded?.bytes,
    decompress: config.decompress ?? true,
    forwardHeaders: forwardsHeaders(party, config),
    certificate: certificateOf(party.provider, party.connection.credentials),
  };
}

type Beginning = Parameters<typeof targetUrl>[1] & { readonly method: string };

/** The URL of a call, and the party that knows the call, so that templates can sign it. */
function beginCall(party: Party, call: Beginning): { readonly party: Party; readonly url: URL } {
  const method = call.method.toUpperCase();
  const known = { method, endpoint: call.endpoint, now: party.clock?.(), random: randomUUID().replaceAll('-', '') };
  const url = targetUrl({ ...party, call: known }, call);
  const place = { host: url.host, path: url.pathname, params: url.search.slice(1) };
  return { party: { ...party, call: { ...known, ...place, body: '' } }, url };
}

/** What the provider wants in every body stands under what the script says; other bodies than objects stay as they are. */
function withProviderBody(party: Party, { method, data }: RequestConfig): unknown {
  const configured = party.provider.proxy?.body;
  if (configured === undefined || method === 'GET') return data;
  if (data !== undefined && (typeof data !== 'object' || data === null || Array.isArray(data))) return data;
  return { ...(interpolateTree(configured, party, 'proxy.body') as object), ...data };
}

function forwardsHeaders({ provider }: Party, call: Pick<StreamCall, 'forwardHeadersOnRedirect'>): boolean {
  return call.forwardHeadersOnRedirect ?? provider.proxy?.forward_headers_on_redirect ?? false;
}
