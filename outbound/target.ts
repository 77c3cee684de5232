/** Which URL a call goes to. Pure. */
import { EngineError } from '../contract/failures.ts';
import type { RequestConfig } from '../contract/host.ts';
import { nameConnection, type Party } from './connection.ts';
import { interpolate } from './interpolate.ts';

export type Params = RequestConfig['params'];
type Call = { readonly endpoint: string; readonly params?: Params; readonly baseUrlOverride?: string | undefined };

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * The URL of a call: `endpoint` under the provider's base URL or the call's override, its query left as it is written,
 * then `params`, then the provider's `proxy.query`. An absolute endpoint must lie on the base URL's own host. Throws
 * `upstream_refused` when there is no base URL, a value for it is missing, or the result is no URL.
 */
export function targetUrl(party: Party, call: Call): URL {
  const base = baseUrl(party, call.baseUrlOverride);
  const [endpoint = ''] = call.endpoint.split('#', 1);
  const address = ABSOLUTE.test(endpoint) ? absolute(endpoint, base, party) : under(base, endpoint);
  return parseUrl(withQuery(address, [encodeParams(call.params), providerQuery(party)]), party);
}

/**
 * A query as it goes on the wire. Text is taken as it is; a list becomes the same name several times (`a=1&a=2`), which
 * most APIs read as a list; write `'a[]'` as the name for those that want brackets. null and undefined are left out.
 */
export function encodeParams(params: Params): string {
  if (params === undefined || params === null) return '';
  if (typeof params === 'string') return params.replace(/^[?&]/, '');
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null)
        query.append(name, typeof item === 'object' ? JSON.stringify(item) : String(item));
    }
  }
  return query.toString();
}

function baseUrl(party: Party, override: string | undefined): string {
  const template = override || party.provider.proxy?.base_url;
  if (template !== undefined) return interpolate(template, party, override ? 'baseUrlOverride' : 'proxy.base_url');
  throw new EngineError(
    'upstream_refused',
    `Provider '${party.provider.name}' has no base URL: expected proxy.base_url in its entry, or baseUrlOverride in the call.`,
  );
}

// The slash between the two is never left out: 'https://api.example.com' + '@evil.example' would be another host.
function under(base: string, endpoint: string): string {
  const trimmed = base.replace(/\/+$/, '');
  return endpoint === '' || /^[/?]/.test(endpoint) ? trimmed + endpoint : `${trimmed}/${endpoint}`;
}

function absolute(endpoint: string, base: string, party: Party): string {
  if (URL.canParse(endpoint) && new URL(endpoint).origin === parseUrl(base, party).origin) return endpoint;
  throw new EngineError(
    'upstream_refused',
    `Endpoint on another host in a call of ${nameConnection(party.connection)}: expected a path under ` +
      `'${parseUrl(base, party).origin}'. Name another host with baseUrlOverride, which then gets the credentials.`,
  );
}

function withQuery(address: string, parts: readonly string[]): string {
  const query = parts.filter((part) => part !== '').join('&');
  if (query === '') return address;
  if (!address.includes('?')) return `${address}?${query}`;
  return /[?&]$/.test(address) ? address + query : `${address}&${query}`;
}

function providerQuery(party: Party): string {
  const configured = Object.entries(party.provider.proxy?.query ?? {});
  if (configured.length === 0) return '';
  return encodeParams(
    Object.fromEntries(
      configured.map(([name, template]) => [name, interpolate(template, party, `proxy.query.${name}`)]),
    ),
  );
}

// The text is not shown: a base URL may hold a token.
function parseUrl(text: string, party: Party): URL {
  if (URL.canParse(text)) return new URL(text);
  const provider = `provider '${party.provider.name}'`;
  throw new EngineError(
    'upstream_refused',
    `The URL of a call of ${nameConnection(party.connection)} is not valid: expected base URL (${provider}) and ` +
      'endpoint to make an http or https URL.',
  );
}
