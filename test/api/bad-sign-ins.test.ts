/** Bad input to connections: each a clear refusal of the caller's, after which nothing more is stored. */
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { createOauthIntegration, useAuthorizationServer } from '../support/authorization-server.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const server = useAuthorizationServer();
const upstream = useUpstream();
const KEY = 'oauth';

beforeAll(async () => {
  await createOauthIntegration(api, KEY);
  await api.call('POST', '/integrations', { body: { unique_key: 'keys', provider: 'tracker' } });
});

let before = '';
/** Everything that a sign-in may leave, as rows. */
const stored = async () => {
  const { rows } = await api.db.query(`select
      (select jsonb_agg(c order by c.id) from connections c) as connections,
      (select jsonb_agg(i order by i.id) from integrations i) as integrations,
      (select count(*)::int from syncs) as syncs, (select count(*)::int from runs) as runs`);
  return JSON.stringify(rows);
};
beforeEach(async () => {
  before = await stored();
});
afterEach(async () => expect(await stored()).toBe(before));

async function openSession(): Promise<string> {
  return (await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } })).body.data.token;
}
const depart = (token: string, query: Record<string, string> = {}) => {
  const search = new URLSearchParams({ connect_session_token: token, 'params[server]': server.url, ...query });
  return api.call('GET', `/oauth/connect/${KEY}?${search}`, { key: null });
};
/** The address that the provider sends the person back to. */
async function goneAndBack(query: Record<string, string> = {}): Promise<URL> {
  const left = await depart(await openSession(), query);
  const provider = await fetch(left.headers.get('location') ?? '', { redirect: 'manual' });
  return new URL(provider.headers.get('location') ?? '');
}
const back = (path: string) => api.call('GET', path, { key: null });
const connect = (body: Record<string, unknown>) => api.call('POST', '/connections', { body });
const SERVER = { server: 'https://login.acme.example' };

type Answer = Awaited<ReturnType<typeof back>>;
const ENTRIES: readonly (readonly [string, () => Promise<Answer>, number, string, string])[] = [
  [
    'an unknown provider',
    () => api.call('POST', '/integrations', { body: { provider: 'trackr', unique_key: 'unknown' } }),
    ...([400, 'unknown_provider', "'tracker'"] as const),
  ],
  [
    'a connection without a value of the connection_config',
    () => connect({ provider_config_key: KEY, credentials: { access_token: 'a' } }),
    ...([400, 'invalid_body', "such as 'https://login.acme.example'"] as const),
  ],
  [
    'an address in the connection_config with a user in it',
    () =>
      connect({
        provider_config_key: KEY,
        credentials: { access_token: 'a' },
        connection_config: { server: 'https://ada:s3cret@login.acme.example' },
      }),
    ...([400, 'invalid_body', "'connection_config.server': expected Address of the server"] as const),
  ],
  [
    'a sign-in without it',
    async () => depart(await openSession(), { 'params[server]': '' }),
    ...([400, 'invalid_body', "such as 'https://login.acme.example'"] as const),
  ],
  [
    'credentials of another type',
    () =>
      connect({ provider_config_key: KEY, credentials: { type: 'API_KEY', apiKey: 'k' }, connection_config: SERVER }),
    ...([400, 'invalid_body', 'type'] as const),
  ],
  [
    'credentials of another type at the page for them',
    async () => {
      const path = `/api-auth/api-key/${KEY}?${new URLSearchParams({ 'params[server]': SERVER.server })}`;
      return api.call('POST', path, { body: { apiKey: 'k' }, key: await openSession() });
    },
    ...([400, 'invalid_body', 'OAUTH2'] as const),
  ],
  [
    'a session that has ended',
    async () => {
      const token = await openSession();
      api.setTime(new Date('2026-01-01T00:30:00.001Z'));
      return depart(token);
    },
    ...([401, 'invalid_session', 'session'] as const),
  ],
  ['a state that nobody left with', () => back('/oauth/callback?code=x&state=forged'), 400, 'invalid_state', 'again'],
  [
    'a callback with an error',
    async () => {
      const { pathname, search } = await goneAndBack({ 'authorization_params[login_hint]': 'refuse' });
      return back(pathname + search);
    },
    ...([400, 'authorization_denied', 'access_denied'] as const),
  ],
  [
    'a token endpoint that answers HTML',
    async () => {
      server.refusals.push({ status: 200, body: '<html>', type: 'text/html' });
      const { pathname, search } = await goneAndBack();
      return back(pathname + search);
    },
    ...([424, 'token_endpoint_failed', 'text/html, not JSON'] as const),
  ],
  [
    'a token endpoint that answers 200 with an error',
    async () => {
      server.refusals.push({ status: 200, body: '{"error":"bad_verification_code"}' });
      const { pathname, search } = await goneAndBack();
      return back(pathname + search);
    },
    ...([400, 'grant_refused', 'bad_verification_code'] as const),
  ],
];

test.each(ENTRIES)('%s is a clear refusal', async (_, ask, status, code, words) => {
  const answer = await ask();
  expect([answer.status, answer.body?.error?.code]).toEqual([status, code]);
  expect(answer.body.error.message).toContain(words);
  expect(answer.text).not.toContain('s3cret');
});

test('a callback that comes a second time is refused, and the connection of the first stays as it was', async () => {
  const { pathname, search } = await goneAndBack();
  expect((await back(pathname + search)).status).toBe(200);
  before = await stored();
  const again = await back(pathname + search);
  expect([again.status, again.body.error.code]).toEqual([400, 'invalid_state']);
});

test.each([
  [
    'a base URL with a user in it',
    { apiKey: 'k' },
    () => upstream.url.replace('//', '//ada:s3cret@'),
    'upstream_refused',
  ],
  ['a key that would be two headers', { apiKey: 'k\r\nx-evil: s3cret' }, () => upstream.url, 'invalid_headers'],
])('%s is refused at the first call, before anything is sent', async (name, credentials, baseUrl, code) => {
  const connectionId = name.replaceAll(' ', '-');
  const connection_config = { baseUrl: baseUrl() };
  await connect({ provider_config_key: 'keys', connection_id: connectionId, credentials, connection_config });
  before = await stored();
  const headers = { 'provider-config-key': 'keys', 'connection-id': connectionId };
  const { status, body, text } = await api.call('GET', '/proxy/x', { headers });
  expect([status, body.error.code]).toEqual([400, code]);
  expect(text).not.toContain('s3cret');
  expect(upstream.requests).toEqual([]);
});
