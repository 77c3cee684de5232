/** What makes two recorded calls one and the same (facts: templates, section A7). Pure. */
import { createHash } from 'node:crypto';

export type Pair = readonly [name: string, value: string];
export type CallIdentity = {
  readonly method: string;
  readonly endpoint: string;
  readonly params: readonly Pair[];
  readonly headers: readonly Pair[];
  readonly data?: string;
};
export type MockCall = {
  readonly method?: unknown;
  readonly endpoint: string;
  readonly params?: unknown;
  readonly headers?: unknown;
  readonly data?: unknown;
};

const ORIGIN = 'https://dummy.invalid';
const LONGEST_DATA = 1_000;
/** Headers of the transport, which differ from machine to machine. */
const DROPPED = new Set([
  ...['authorization', 'user-agent', 'nango-proxy-user-agent', 'accept-encoding', 'retries', 'host', 'connection-id'],
  ...['provider-config-key', 'nango-is-sync', 'nango-is-script', 'nango-is-dry-run', 'nango-activity-log-id'],
  ...['content-length', 'accept', 'base-url-override', 'retry-on', 'forward-headers-on-redirect'],
]);

/** The identity of a call in the unified form. */
export function identityOf(call: MockCall): CallIdentity {
  const url = urlOf(call.endpoint);
  if (typeof call.params === 'string') {
    for (const [name, value] of new URLSearchParams(call.params)) url.searchParams.append(name, value);
  } else {
    for (const [name, value] of entriesOf(call.params)) {
      if (value !== undefined) url.searchParams.set(name, Array.isArray(value) ? value.join(',') : String(value));
    }
  }
  const data = dataOf(call.data);
  return {
    method: String(call.method ?? 'get').toLowerCase(),
    endpoint: url.pathname.replace(/^\//, '').replace(/^proxy\//, ''),
    params: sorted([...url.searchParams]),
    headers: headersOf(call.headers),
    ...(data === undefined ? {} : { data }),
  };
}

/** The hash under which recordings know a call. */
export function hashOf({ method, endpoint, params, headers, data }: CallIdentity): string {
  const identity = { method, endpoint, params, headers, ...(data === undefined ? {} : { data }) };
  return createHash('sha1').update(JSON.stringify(identity)).digest('hex');
}

/** Headers as they count: lower-case, the first of each name, without what the transport adds. */
export function headersOf(given: unknown): readonly Pair[] {
  const headers = new Map<string, string>();
  for (const [name, value] of entriesOf(given)) {
    const key = name.toLowerCase().replace(/^nango-proxy-/, '');
    if (value === undefined || DROPPED.has(key) || headers.has(key) || isPlainType(key, String(value))) continue;
    headers.set(key, String(value));
  }
  return sorted([...headers]);
}

/** A body as it counts: texts as they are, bytes as base64, all else as JSON; a long one by its hash. */
export function dataOf(data: unknown): string | undefined {
  if (!data) return undefined;
  const text = textOf(data);
  return text.length > LONGEST_DATA ? `sha1:${createHash('sha1').update(text).digest('hex')}` : text;
}

function textOf(data: unknown): string {
  if (typeof data === 'string') return data;
  if (data instanceof Uint8Array) return Buffer.from(data).toString('base64');
  // As bytes cross from the sandbox.
  if (typeof data === 'object' && data !== null && 'base64' in data && Object.keys(data).length === 1)
    return String(data.base64);
  return data instanceof URLSearchParams ? data.toString() : (JSON.stringify(data) ?? '');
}

function isPlainType(name: string, value: string): boolean {
  return (
    name === 'content-type' &&
    (value === 'application/json' || value === 'undefined' || value.startsWith('application/x-www-form-urlencoded'))
  );
}

function urlOf(endpoint: string): URL {
  try {
    return new URL(endpoint, `${ORIGIN}/`);
  } catch {
    return new URL(`/${encodeURI(endpoint)}`, ORIGIN);
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function sorted(pairs: readonly (readonly [string, string])[]): Pair[] {
  return pairs.map(([name, value]): Pair => [name, value]).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
