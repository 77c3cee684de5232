/**
 * A small, strict OAuth 2 server with an API behind it, as real ones behave: codes and refresh tokens serve once, a
 * refresh token that comes a second time revokes the whole grant (RFC 9700 section 4.14.2), PKCE and redirect_uri must match,
 * and the client must show its secret. It counts what it is asked.
 */
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const CLIENT = { id: 'client-1', secret: 'client secret/with+signs' } as const;

type Grant = { revoked: boolean; access: string; issuedAt: number; accessEnds: number; refresh: string };
type Code = { challenge: string | null; redirectUri: string; used: boolean };
type Refusal = {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
  readonly headers?: Record<string, string>;
};

export type TokenCall = {
  readonly grantType: string;
  readonly params: URLSearchParams;
  readonly basic: boolean;
  readonly headers: http.IncomingHttpHeaders;
};

export type AuthorizationServer = {
  readonly url: string;
  readonly port: number;
  /** Token requests, in order. */
  readonly tokenCalls: readonly TokenCall[];
  /** Authorizations and Bearer tokens that `/me` was asked with, in order. */
  readonly apiCalls: readonly string[];
  /** What clients that registered said of themselves (RFC 7591); each is given the one client there is. */
  readonly registrations: readonly Record<string, unknown>[];
  /** @default false */
  refusesRegistrations: boolean;
  /** Refresh tokens that came a second time. */
  readonly reuses: number;
  /** Refreshes that came in the first half of a token's life: nobody who has seen the token asks for another so soon. */
  readonly tooEarly: number;
  /** Of its life, the share that was over at the earliest refresh of a token; 1 before there was one. */
  readonly earliestShare: number;
  /** Who it says it is in its metadata. @default itself */
  issuer: string | undefined;
  /** Seconds of an access token; null: the answer says nothing. @default 3600 */
  lifetime: number | null;
  /** Waits before a token answer. */
  latencyMs: number;
  /** Whether a refresh hands out a new refresh token and forgets the old one. @default true */
  rotates: boolean;
  /** Milliseconds for which a replaced refresh token still answers as it did the first time. @default 0 */
  graceMs: number;
  /** Whether access tokens end when their grant is refreshed. @default false */
  revokesAccess: boolean;
  /** Answers of the token endpoint that come before its own. */
  readonly refusals: Refusal[];
  /** Changes an answer of the token endpoint before it is sent; one that is promised is sent when it is there. */
  reshape: (answer: Record<string, unknown>) => unknown;
  /** A code as if somebody had signed in. */
  readonly signIn: (redirectUri: string, challenge: string | null) => string;
  /** A grant as if one had been made: for connections that are imported. */
  readonly grant: () => { readonly access_token: string; readonly refresh_token: string };
  /** Ends every access token at once, as if its time were over. */
  readonly expireAll: () => void;
  readonly revokeAll: () => void;
  readonly reset: () => void;
  readonly close: () => Promise<void>;
};

/** Starts it on loopback. `clock` decides when access tokens end. */
export async function startAuthorizationServer(
  options: { readonly clock?: () => number; readonly port?: number } = {},
): Promise<AuthorizationServer> {
  const clock = options.clock ?? Date.now;
  const codes = new Map<string, Code>();
  const byRefresh = new Map<string, Grant>();
  const byAccess = new Map<string, Grant>();
  const replaced = new Map<string, { answer: Record<string, unknown>; until: number }>();
  const tokenCalls: TokenCall[] = [];
  const apiCalls: string[] = [];
  const registrations: Record<string, unknown>[] = [];
  const state = { reuses: 0, tooEarly: 0, earliestShare: 1 };
  const server: Omit<AuthorizationServer, 'url' | 'port' | keyof typeof state> = {
    tokenCalls,
    apiCalls,
    registrations,
    refusesRegistrations: false,
    issuer: undefined,
    refusals: [],
    lifetime: 3600,
    latencyMs: 0,
    rotates: true,
    graceMs: 0,
    revokesAccess: false,
    reshape: (answer) => answer,
    signIn: (redirectUri, challenge) => {
      const code = token('code');
      codes.set(code, { challenge, redirectUri, used: false });
      return code;
    },
    grant: () => {
      const grant = newGrant();
      return { access_token: grant.access, refresh_token: grant.refresh };
    },
    expireAll: () => {
      for (const grant of byAccess.values()) grant.accessEnds = 0;
    },
    revokeAll: () => {
      for (const grant of byRefresh.values()) grant.revoked = true;
    },
    reset: () => {
      for (const list of [tokenCalls, apiCalls, registrations, server.refusals]) list.length = 0;
      for (const map of [codes, byRefresh, byAccess, replaced]) map.clear();
      Object.assign(server, {
        lifetime: 3600,
        latencyMs: 0,
        rotates: true,
        graceMs: 0,
        revokesAccess: false,
        refusesRegistrations: false,
        issuer: undefined,
        reshape: (answer: unknown) => answer,
      });
      Object.assign(state, { reuses: 0, tooEarly: 0, earliestShare: 1 });
    },
    close: async () => {
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
  const newGrant = (): Grant => {
    const grant = { revoked: false, access: token('access'), issuedAt: 0, accessEnds: 0, refresh: token('refresh') };
    issue(grant);
    return grant;
  };
  const issue = (grant: Grant): void => {
    grant.issuedAt = clock();
    grant.accessEnds = server.lifetime === null ? Number.POSITIVE_INFINITY : clock() + server.lifetime * 1_000;
    byAccess.set(grant.access, grant);
    byRefresh.set(grant.refresh, grant);
  };
  const answerFor = (grant: Grant): Record<string, unknown> => ({
    access_token: grant.access,
    token_type: 'Bearer',
    refresh_token: grant.refresh,
    ...(server.lifetime !== null && { expires_in: server.lifetime }),
  });
  const refresh = (given: string): Record<string, unknown> | string => {
    const again = replaced.get(given);
    if (again !== undefined && clock() < again.until) return again.answer;
    const grant = byRefresh.get(given);
    if (grant === undefined) return 'invalid_grant';
    if (grant.refresh !== given) {
      state.reuses += 1;
      grant.revoked = true;
    }
    if (grant.revoked) return 'invalid_grant';
    const share = server.lifetime === null ? 1 : (clock() - grant.issuedAt) / (server.lifetime * 1_000);
    if (share < 0.5) state.tooEarly += 1;
    state.earliestShare = Math.min(state.earliestShare, share);
    if (server.revokesAccess) byAccess.delete(grant.access);
    grant.access = token('access');
    if (server.rotates) grant.refresh = token('refresh');
    issue(grant);
    const answer = answerFor(grant);
    if (server.graceMs > 0) replaced.set(given, { answer, until: clock() + server.graceMs });
    return answer;
  };
  const redeem = (params: URLSearchParams): Record<string, unknown> | string => {
    const code = codes.get(params.get('code') ?? '');
    if (code === undefined || code.used) return 'invalid_grant';
    code.used = true;
    if (code.redirectUri !== params.get('redirect_uri')) return 'invalid_grant';
    if (code.challenge !== null && challengeOf(params.get('code_verifier') ?? '') !== code.challenge)
      return 'invalid_grant';
    return answerFor(newGrant());
  };
  const answerToken = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const text = await bodyOf(request);
    const json = request.headers['content-type']?.startsWith('application/json') ?? false;
    const params = new URLSearchParams(json ? (JSON.parse(text) as Record<string, string>) : text);
    const basic = request.headers.authorization?.startsWith('Basic ') ?? false;
    const grantType = params.get('grant_type') ?? '';
    tokenCalls.push({ grantType, params, basic, headers: request.headers });
    const refusal = server.refusals.shift();
    if (server.latencyMs > 0) await sleep(server.latencyMs);
    if (refusal !== undefined) {
      response
        .writeHead(refusal.status, { 'content-type': refusal.type ?? 'application/json', ...refusal.headers })
        .end(refusal.body);
      return;
    }
    if (!isClient(request, params)) return sendJson(response, 401, { error: 'invalid_client' });
    const made =
      grantType === 'refresh_token'
        ? refresh(params.get('refresh_token') ?? '')
        : grantType === 'client_credentials'
          ? answerFor(newGrant())
          : redeem(params);
    if (typeof made === 'string')
      return sendJson(response, 400, { error: made, error_description: 'The grant is not valid any more' });
    sendJson(response, 200, await server.reshape(made));
  };
  const register = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const said = JSON.parse(await bodyOf(request)) as Record<string, unknown>;
    if (server.refusesRegistrations) return sendJson(response, 400, { error: 'invalid_client_metadata' });
    registrations.push(said);
    sendJson(response, 201, { ...said, client_id: CLIENT.id, client_secret: CLIENT.secret });
  };
  /** What it says of itself as an MCP server at `/mcp` and as the authorization server `/as` of that one. */
  const metadata = (path: string): Record<string, unknown> | undefined => {
    const own = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    if (path === '/.well-known/oauth-protected-resource/mcp') return { authorization_servers: [`${own}/as`] };
    if (path !== '/.well-known/oauth-authorization-server/as') return undefined;
    const [authorization_endpoint, token_endpoint] = [`${own}/authorize`, `${own}/token`];
    return {
      issuer: server.issuer ?? `${own}/as`,
      authorization_endpoint,
      token_endpoint,
      registration_endpoint: `${own}/register`,
    };
  };
  const listener = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/token') return void answerToken(request, response);
    if (url.pathname === '/authorize') return void authorize(url, server, response);
    if (url.pathname === '/register') return void register(request, response);
    const about = metadata(url.pathname);
    if (about !== undefined) return sendJson(response, 200, about);
    if (url.pathname.startsWith('/.well-known/')) return sendJson(response, 404, {});
    const bearer = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    apiCalls.push(bearer);
    const grant = byAccess.get(bearer);
    const alive = grant !== undefined && !grant.revoked && grant.access === bearer && clock() < grant.accessEnds;
    request.resume();
    sendJson(response, alive ? 200 : 401, alive ? { ok: true } : { error: 'invalid_token' });
  });
  await new Promise<void>((resolve) => listener.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  return Object.defineProperties(Object.assign(server, { url: `http://127.0.0.1:${port}`, port }), {
    reuses: { get: () => state.reuses },
    tooEarly: { get: () => state.tooEarly },
    earliestShare: { get: () => state.earliestShare },
  }) as AuthorizationServer;
}

/** Signs the person in at once and sends them back, as a provider does that they have allowed before. */
async function authorize(
  url: URL,
  server: Pick<AuthorizationServer, 'signIn'>,
  response: http.ServerResponse,
): Promise<void> {
  const redirectUri = url.searchParams.get('redirect_uri') ?? '';
  const back = new URL(redirectUri);
  const clientId = url.searchParams.get('client_id') ?? '';
  if (clientId !== CLIENT.id && !(await tellsOf(clientId, redirectUri)))
    back.searchParams.set('error', 'unauthorized_client');
  else if (url.searchParams.get('login_hint') === 'refuse') {
    back.searchParams.set('error', 'access_denied');
    back.searchParams.set('error_description', 'The owner said <no>');
  } else back.searchParams.set('code', server.signIn(redirectUri, url.searchParams.get('code_challenge')));
  back.searchParams.set('state', url.searchParams.get('state') ?? '');
  response.writeHead(302, { location: back.href }).end();
}

/** Whether a client whose id is an address says there that it is this client, which comes back to that place. */
async function tellsOf(clientId: string, redirectUri: string): Promise<boolean> {
  if (!URL.canParse(clientId)) return false;
  const said = (await (await fetch(clientId)).json()) as { client_id?: string; redirect_uris?: string[] };
  return said.client_id === clientId && (said.redirect_uris?.includes(redirectUri) ?? false);
}

function isClient({ headers }: http.IncomingMessage, params: URLSearchParams): boolean {
  const basic = headers.authorization?.startsWith('Basic ')
    ? Buffer.from(headers.authorization.slice(6), 'base64').toString()
    : undefined;
  // One that is known by its address has no secret to show.
  if (basic === undefined && URL.canParse(params.get('client_id') ?? '')) return !params.has('client_secret');
  if (basic !== undefined) return basic === `${CLIENT.id}:${CLIENT.secret}`;
  return params.get('client_id') === CLIENT.id && params.get('client_secret') === CLIENT.secret;
}

function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

function token(kind: string): string {
  return `${kind}-${randomBytes(24).toString('base64url')}`;
}

async function bodyOf(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function sendJson(response: http.ServerResponse, status: number, body: unknown): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}
