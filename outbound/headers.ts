/** Headers on their way out and back. */
import { type IncomingHttpHeaders, validateHeaderName, validateHeaderValue } from 'node:http';
import { EngineError } from '../contract/failures.ts';
import type { Party } from './connection.ts';
import { defaultAuthorization } from './credentials.ts';
import { interpolate } from './interpolate.ts';

export type Headers = Record<string, string>;

/** Spoken between two neighbours only (RFC 9110 section 7.6.1), so never passed on. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** What a script never sees of an answer. */
const HIDDEN_FROM_SCRIPTS: ReadonlySet<string> = new Set(['set-cookie', 'set-cookie2', 'authorization']);
/** All that another host gets to see after a redirect: what describes the request and says nothing of its sender. */
const NEUTRAL = /^(accept(-.*)?|content-(type|length|encoding|language)|user-agent|range|if-.*)$/;
const USER_AGENT = 'nango-temporal';

/**
 * The headers of one call, names in lower case: the auth mode's Authorization or the entry's own, under the provider's headers, under the
 * call's own; only the provider's `user-agent` beats the call's. A credential that the call replaces need not exist.
 * Throws `invalid_headers` for names and values that HTTP does not allow, never showing the value.
 */
export function callHeaders(party: Party, own: Readonly<Record<string, string>> | undefined): Headers {
  const call = ownHeaders(own);
  const headers: Headers = { 'user-agent': call['user-agent'] ?? USER_AGENT };
  const configured = Object.entries(party.provider.proxy?.headers ?? {});
  const provided = new Set(configured.map(([name]) => name.toLowerCase()));
  if (!provided.has('authorization') && call['authorization'] === undefined) {
    const template = party.provider.proxy_header_authorization;
    const authorization =
      template === undefined ? defaultAuthorization(party) : interpolate(template, party, 'proxy_header_authorization');
    if (authorization !== undefined) headers['authorization'] = authorization;
  }
  for (const [given, template] of configured) {
    const name = given.toLowerCase();
    if (name !== 'user-agent' && call[name] !== undefined) continue;
    headers[name] = interpolate(template, party, `proxy.headers.${given}`);
  }
  for (const [name, value] of Object.entries(call)) if (name !== 'user-agent') headers[name] = value;
  for (const [name, value] of Object.entries(headers)) checkHeader(name, value);
  return headers;
}

/** The content type that a call or its provider states, which decides how a script's data is written. */
export function statedContentType(party: Party, own: Readonly<Record<string, string>> | undefined): Headers {
  const called = ownHeaders(own)['content-type'];
  if (called !== undefined) return { 'content-type': called };
  const configured = Object.entries(party.provider.proxy?.headers ?? {});
  const found = configured.find(([name]) => name.toLowerCase() === 'content-type');
  return found === undefined ? {} : { 'content-type': interpolate(found[1], party, `proxy.headers.${found[0]}`) };
}

/** What stays of a request's headers when a redirect leads to another host. */
export function neutralHeaders(headers: Readonly<Headers>): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => NEUTRAL.test(name)));
}

/** What stays of a request's headers when a redirect turns it into a GET. */
export function bodylessHeaders(headers: Readonly<Headers>): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('content-')));
}

/** An answer's headers as a script gets them: one text each, without cookies and credentials. */
export function scriptHeaders(received: IncomingHttpHeaders): Headers {
  const headers: Headers = {};
  for (const [name, value] of Object.entries(received)) {
    if (value === undefined || HIDDEN_FROM_SCRIPTS.has(name)) continue;
    headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return headers;
}

/** An answer's headers as `/proxy` passes them on: all that are not about the connection to the upstream itself. */
export function passedOnHeaders(received: IncomingHttpHeaders): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const named = namedByConnection(received.connection);
  for (const [name, value] of Object.entries(received)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && !named.has(name)) headers[name] = value;
  }
  return headers;
}

/**
 * Those of a call that has no provider. Throws `invalid_headers` for names and values that HTTP does not allow.
 */
export function plainHeaders(own: Readonly<Record<string, string>>): Headers {
  const headers = ownHeaders(own);
  for (const [name, value] of Object.entries(headers)) checkHeader(name, value);
  return headers;
}

/** These are ours to set; so is the length, which `exchange.ts` sees to for whatever is sent. */
const OURS: ReadonlySet<string> = new Set(['host', 'expect']);

// A header may be listed in `connection` as hop-by-hop too.
function ownHeaders(own: Readonly<Record<string, unknown>> | undefined): Headers {
  const headers: Headers = {};
  for (const [given, value] of Object.entries(own ?? {})) {
    const name = given.toLowerCase();
    if (HOP_BY_HOP.has(name) || OURS.has(name) || value === undefined || value === null) continue;
    headers[name] = String(value);
  }
  return headers;
}

function namedByConnection(connection: string | undefined): ReadonlySet<string> {
  return new Set((connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
}

function checkHeader(name: string, value: string): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    const expected = 'expected a token as name and a value without line breaks and control characters';
    throw new EngineError(
      'invalid_headers',
      `Header '${name.replaceAll(/[^\x21-\x7e]/g, '?')}' of the call: ${expected}.`,
    );
  }
}
