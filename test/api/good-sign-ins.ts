/** Requests that succeed, for the routes that a session opens: of a person who connects, or of somebody at the dashboard. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { CLIENT } from '../../bench/upstream/authorization-server.ts';
import { createOauthIntegration } from '../support/authorization-server.ts';
import { begunRun, type Good, type World } from './good-requests.ts';

type Row = (world: World) => Good | Promise<Good>;

const KEYS = { access_key_id: 'AKID', secret_access_key: 'S', region: 'eu-west-1', service: 'execute-api' };
const MADE = { gives: { providerConfigKey: expect.any(String), connectionId: expect.any(String) } };

export const GOOD_SIGN_INS: Readonly<Record<string, Row>> = {
  'POST /connect/sessions': ({ key }) => ({
    path: '/connect/sessions',
    body: { end_user: { id: 'ada' }, allowed_integrations: [key] },
    status: 201,
    gives: { data: { token: expect.any(String) } },
  }),
  'POST /connect/sessions/reconnect': ({ key }) => ({
    path: '/connect/sessions/reconnect',
    body: { connection_id: 'c1', integration_id: key },
    status: 201,
    gives: { data: { token: expect.any(String) } },
  }),
  'GET /connect/session': async (world) => ({
    path: '/connect/session',
    key: await sessionOf(world),
    gives: { data: { endUser: { id: 'ada' } } },
  }),
  'DELETE /connect/session': async (world) => ({ path: '/connect/session', key: await sessionOf(world), status: 204 }),
  'GET /connect/integrations': async (world) => ({ path: '/connect/integrations', key: await sessionOf(world) }),
  'GET /oauth/connect/:key': async (world) => ({ ...(await departure(world)), status: 302 }),
  'GET /oauth/callback': async (world) => {
    const { path, query } = await departure(world);
    const left = await world.api.call('GET', `${path}?${new URLSearchParams(query)}`, { key: null });
    const provider = await fetch(left.headers.get('location') ?? '', { redirect: 'manual' });
    const back = new URL(provider.headers.get('location') ?? '');
    return { path: back.pathname, query: Object.fromEntries(back.searchParams), key: null, ...MADE };
  },
  'GET /app-auth/connect': async (world) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const private_key = privateKey.export({ type: 'pkcs1', format: 'pem' });
    const app = { app_id: '77', app_link: 'https://github.com/apps/mine', private_key };
    const { path, query } = await departure(world, await integrationOf(world, 'app-tracker', app));
    const left = await world.api.call('GET', `${path}?${new URLSearchParams(query)}`, { key: null });
    const state = new URL(left.headers.get('location') ?? '').searchParams.get('state') ?? '';
    const token = { token: 'ghs_1', expires_at: '2026-01-01T01:00:00Z' };
    world.upstream.handleWith(() => ({ status: 201, json: token }));
    const installed = { installation_id: '9', setup_action: 'install', state };
    return { path: '/app-auth/connect', query: installed, key: null, ...MADE };
  },
  'POST /api-auth/api-key/:key': (world) => signIn(world, '/api-auth/api-key', 'key-tracker', { apiKey: 'a' }),
  'POST /api-auth/basic/:key': async (world) => ({
    ...(await signIn(world, '/api-auth/basic', 'basic-verified', { username: 'ada', password: 'p' })),
    optional: ['password'],
  }),
  'POST /oauth2/auth/:key': (world) =>
    signIn(
      world,
      '/oauth2/auth',
      'oauth-server-cc',
      { client_id: CLIENT.id, client_secret: CLIENT.secret },
      world.server,
    ),
  'POST /auth/tba/:key': (world) => {
    const app = { client_id: 'ck', client_secret: 'cs' };
    const at = { url: world.upstream.url, app, params: { accountId: '123-sb1' } };
    return signIn(world, '/auth/tba', 'tba-tracker', { token_id: 'ti', token_secret: 'ts' }, at);
  },
  'POST /auth/two-step/:key': async (world) => {
    const token = { ticket: 't', data: { token: 'tok', ends: '2026-01-01T01:00:00Z' } };
    world.upstream.handleWith(() => ({ json: token }));
    const typed = await signIn(world, '/auth/two-step', 'two-step-tracker', { username: 'ada', secret: 's' });
    return { ...typed, isOpen: true };
  },
  'POST /auth/jwt/:key': async (world) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'sec1', format: 'pem' });
    const typed = { privateKeyId: 'K1', issuerId: randomUUID(), privateKey: pem };
    return { ...(await signIn(world, '/auth/jwt', 'jwt-tracker', typed)), isOpen: true };
  },
  'POST /auth/signature/:key': (world) =>
    signIn(world, '/auth/signature', 'wsse-tracker', { username: 'ada', password: 'p' }),
  'POST /auth/bill/:key': (world) => {
    world.upstream.handleWith(() => ({ json: { sessionId: 's1', userId: 'u1' } }));
    const who = { username: 'ada', password: 'p', organization_id: 'o', dev_key: 'd' };
    return signIn(world, '/auth/bill', 'bill-tracker', who);
  },
  'POST /auth/aws-sigv4/:key': async (world) => ({
    ...(await signIn(world, '/auth/aws-sigv4', 'aws-tracker', KEYS)),
    optional: ['region', 'service'],
  }),
  'POST /auth/unauthenticated/:key': (world) => signIn(world, '/auth/unauthenticated', 'open-tracker', {}),

  'GET /dashboard/session': async ({ api }) => ({
    path: '/dashboard/session',
    key: null,
    headers: { cookie: await cookieOf(api.key, api.call), 'sec-fetch-site': 'same-origin' },
    gives: { environments: ['dev'] },
  }),
  'POST /dashboard/session': ({ api }) => ({
    path: '/dashboard/session',
    key: null,
    body: { secret_key: api.key },
    status: 204,
  }),
  'DELETE /dashboard/session': () => ({ path: '/dashboard/session', key: null, status: 204 }),
  'GET /dashboard/overview': () => ({ path: '/dashboard/overview', gives: { hours: expect.any(Array) } }),
  'GET /dashboard/connections/:id': ({ key }) => ({
    path: '/dashboard/connections/c1',
    query: { provider_config_key: key },
    gives: { connection_id: 'c1' },
  }),
  'GET /dashboard/records': async (world) => {
    await begunRun(world);
    const headers = { 'provider-config-key': world.key, 'connection-id': 'c1' };
    return { path: '/dashboard/records', query: { model: 'Task' }, headers, gives: { records: [{ id: 'a' }] } };
  },
  'GET /dashboard/scripts': ({ key }) => ({
    path: '/dashboard/scripts',
    query: { provider_config_key: key },
    gives: { scripts: expect.any(Array) },
  }),
  'GET /dashboard/runs/:id/calls': async (world) => ({ path: `/dashboard/runs/${await begunRun(world)}/calls` }),
  'GET /dashboard/events': () => ({ path: '/dashboard/events' }),
};

async function sessionOf({ api }: World): Promise<string> {
  return (await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'ada' } } })).body.data.token;
}

async function integrationOf({ api }: World, provider: string, credentials: object = {}): Promise<string> {
  const unique_key = randomUUID();
  await api.call('POST', '/integrations', { body: { unique_key, provider, credentials } });
  return unique_key;
}

/** The popup's first address. */
async function departure(world: World, app?: string) {
  const key = app ?? randomUUID();
  if (app === undefined) await createOauthIntegration(world.api, key);
  const { url } = app === undefined ? world.server : world.upstream;
  const query = { connect_session_token: await sessionOf(world), 'params[server]': url };
  return { path: `/oauth/connect/${key}`, query, key: null };
}

/** What a person types for an integration of its own of that provider. */
async function signIn(
  world: World,
  route: string,
  provider: string,
  body: Readonly<Record<string, unknown>>,
  at: {
    readonly url: string;
    readonly app?: object;
    readonly params?: Readonly<Record<string, string>>;
  } = world.upstream,
): Promise<Good> {
  const key = await integrationOf(world, provider, at.app);
  const params = Object.entries({ server: at.url, baseUrl: at.url, ...at.params });
  const query = Object.fromEntries(params.map(([name, value]) => [`params[${name}]`, value]));
  return { path: `${route}/${key}`, query, key: await sessionOf(world), body, ...MADE };
}

async function cookieOf(secret_key: string, call: World['api']['call']): Promise<string> {
  const { headers } = await call('POST', '/dashboard/session', { key: null, body: { secret_key } });
  return headers.get('set-cookie')?.split(';')[0] ?? '';
}
