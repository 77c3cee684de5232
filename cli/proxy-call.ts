/** A script's call as a request to the server's `/proxy`, which adds the credentials (facts: section 4.5). */
import type { RequestConfig } from '../contract/host.ts';
import { encodeBody } from '../outbound/body.ts';
import { encodeParams } from '../outbound/target.ts';

export type ProxyCall = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
};

const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\//i;

/** Translates a call of the script's connection, or of the one it names. Throws `invalid_body` as production does. */
export async function proxyCall(
  config: RequestConfig,
  own: { readonly providerConfigKey: string; readonly connectionId: string },
): Promise<ProxyCall> {
  const given = lowerCased(config.headers ?? {});
  const encoded = await encodeBody(config.data, given);
  const target = targetOf(config);
  const headers: Record<string, string> = {
    'provider-config-key': config.providerConfigKey ?? own.providerConfigKey,
    'connection-id': config.connectionId ?? own.connectionId,
    'nango-is-dry-run': 'true',
    decompress: String(config.decompress ?? true),
    ...(encoded === undefined ? {} : { 'content-type': encoded.contentType }),
    ...(config.retries === undefined ? {} : { retries: String(config.retries) }),
    ...(config.retryOn === undefined ? {} : { 'retry-on': config.retryOn.join(',') }),
    ...(target.baseUrl === undefined ? {} : { 'base-url-override': target.baseUrl }),
    ...(config.forwardHeadersOnRedirect === undefined
      ? {}
      : { 'forward-headers-on-redirect': String(config.forwardHeadersOnRedirect) }),
  };
  // What a script's call carries by default in production too.
  const forwarded = { accept: 'application/json, text/plain, */*', ...given };
  for (const [name, value] of Object.entries(forwarded)) {
    if (name !== 'content-type' && name !== 'content-length') headers[`nango-proxy-${name}`] = value;
  }
  if (encoded === undefined && given['content-type'] !== undefined) headers['content-type'] = given['content-type'];
  return { method: config.method, path: target.path, headers, body: encoded?.bytes };
}

// The endpoint is resolved by itself before `/proxy` goes in front: '../' must not lead to another route of the server.
function targetOf(config: RequestConfig): { readonly path: string; readonly baseUrl: string | undefined } {
  const absolute = ABSOLUTE.test(config.endpoint);
  const url = new URL(absolute ? config.endpoint : `http://upstream.invalid/${config.endpoint.replace(/^\//, '')}`);
  const query = [url.search.slice(1), encodeParams(config.params)].filter((part) => part !== '').join('&');
  const path = `/proxy${url.pathname}${query === '' ? '' : `?${query}`}`;
  return { path, baseUrl: absolute ? url.origin : config.baseUrlOverride };
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
