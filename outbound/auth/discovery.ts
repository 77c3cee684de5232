/** Where an MCP server signs people in, by what it says of itself: RFC 9728, then RFC 8414 or OpenID Connect Discovery. */
import { EngineError } from '../../contract/failures.ts';
import type { Exchange } from '../exchange.ts';
import { type Applicant, filled, textOf } from './applicant.ts';
import { askTokenEndpoint, type TokenAnswer } from './token-endpoint.ts';

/** As connections of mode MCP_OAUTH2_GENERIC have it in their connection_config. */
export type Discovered = {
  readonly authorization_url: string;
  readonly token_url: string;
  /** Where a client registers itself, if it may. */
  readonly registration_url?: string;
};

/** The address of the API itself, for which its tokens are (RFC 8707). Throws `invalid_body` when it is none. */
export function resourceOf(applicant: Applicant): URL {
  const { name, proxy } = applicant.provider;
  const address = filled(applicant, proxy?.base_url ?? '', 'proxy.base_url');
  if (URL.canParse(address)) return new URL(address);
  throw new EngineError('invalid_body', `The address of the server of provider '${name}' is not a URL.`);
}

/** Throws `token_endpoint_failed` when neither the server nor its authorization server says where people sign in. */
export async function discover(exchange: Exchange, applicant: Applicant): Promise<Discovered> {
  const resource = resourceOf(applicant);
  const about = await firstOf(exchange, wellKnown(resource, 'oauth-protected-resource'));
  const servers: unknown = about?.['authorization_servers'];
  const named: unknown = Array.isArray(servers) ? servers[0] : undefined;
  // Servers of the specification's first year are their own authorization servers.
  const issuer = new URL(typeof named === 'string' && URL.canParse(named) ? named : resource.origin);
  const metadata = await firstOf(exchange, [
    ...wellKnown(issuer, 'oauth-authorization-server'),
    ...wellKnown(issuer, 'openid-configuration'),
    `${bare(issuer.href)}/.well-known/openid-configuration`,
  ]);
  const [authorize, token, registration] = ['authorization', 'token', 'registration'].map((name) =>
    textOf(metadata ?? {}, `${name}_endpoint`),
  );
  // Whoever else speaks there would get the person's code.
  const isItself = bare(textOf(metadata ?? {}, 'issuer') ?? '') === bare(issuer.href);
  if (authorize === undefined || token === undefined || !isItself) {
    throw new EngineError(
      'token_endpoint_failed',
      `The server at '${resource.host}' does not say where people sign in: expected metadata of the authorization server '${bare(issuer.href)}' with its issuer, authorization_endpoint and token_endpoint.`,
    );
  }
  const found = { authorization_url: authorize, token_url: token };
  return registration === undefined ? found : { ...found, registration_url: registration };
}

/** The addresses at which metadata may be: with the path behind the well-known name, and without. */
function wellKnown({ origin, pathname }: URL, name: string): string[] {
  const root = `${origin}/.well-known/${name}`;
  return pathname === '/' ? [root] : [root + bare(pathname), root];
}

/** The first answer there is; a server that cannot be reached, or may not be, is an error at once. */
async function firstOf(exchange: Exchange, urls: readonly string[]): Promise<TokenAnswer | undefined> {
  for (const url of urls) {
    try {
      return await askTokenEndpoint(exchange, { name: 'metadata', url, method: 'GET', headers: {}, body: undefined });
    } catch (error) {
      const status = (error as { details?: { payload?: { status?: number } } }).details?.payload?.status;
      if (status === undefined) throw error;
    }
  }
  return undefined;
}

function bare(text: string): string {
  return text.replace(/\/+$/, '');
}
