import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { createOauthIntegration, useAuthorizationServer } from '../support/authorization-server.ts';
import { deployFlows, flow } from '../support/deployment.ts';

const api = useApi();
const server = useAuthorizationServer();

async function openSession(body: Record<string, unknown> = {}): Promise<string> {
  const answer = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' }, ...body } });
  expect(answer.status).toBe(201);
  return answer.body.data.token;
}

/** Where the popup leads first: the provider's address, with what goes along. */
async function depart(key: string, token: string, query: Record<string, string> = {}) {
  const search = new URLSearchParams({ connect_session_token: token, 'params[server]': server.url, ...query });
  return api.call('GET', `/oauth/connect/${key}?${search}`, { key: null });
}

/** From the popup's first address to the callback's answer, as a browser goes. */
async function signIn(key: string, token: string, query: Record<string, string> = {}) {
  const left = await depart(key, token, query);
  const provider = await fetch(left.headers.get('location') ?? '', { redirect: 'manual' });
  const callback = new URL(provider.headers.get('location') ?? '');
  return { callback, answer: await api.call('GET', callback.pathname + callback.search, { key: null }) };
}

const connectionOf = async (key: string, id: string, query = '') =>
  (await api.call('GET', `/connections/${id}?provider_config_key=${key}${query}`)).body;

test('a person signs in: the connection is there, its syncs are scheduled, calls carry the token', async () => {
  await createOauthIntegration(api, 'flow');
  await deployFlows(api, flow('flow', 'tasks'));
  const token = await openSession({
    end_user: { id: 'u1', email: 'ada@example.com', tags: { plan: 'pro' } },
    organization: { id: 'o1', display_name: 'Acme' },
    allowed_integrations: ['flow'],
    tags: { region: 'eu' },
  });
  const { answer } = await signIn('flow', token);
  expect(answer).toMatchObject({ status: 200, body: { providerConfigKey: 'flow', connectionId: expect.any(String) } });
  const connection = await connectionOf('flow', answer.body.connectionId);
  expect(connection).toMatchObject({
    credentials: {
      type: 'OAUTH2',
      access_token: expect.stringMatching(/^access-/),
      expires_at: '2026-01-01T01:00:00.000Z',
    },
    connection_config: { server: server.url },
    end_user: { id: 'u1', email: 'ada@example.com', tags: { plan: 'pro' }, organization: { id: 'o1' } },
    tags: { region: 'eu' },
    errors: [],
  });
  expect((await api.call('GET', '/sync/status?syncs=*&provider_config_key=flow')).body.syncs).toHaveLength(1);
  const headers = { 'provider-config-key': 'flow', 'connection-id': answer.body.connectionId };
  expect((await api.call('GET', '/proxy/me', { headers })).body).toEqual({ ok: true });
});

test('the authorization request carries PKCE, state, scopes and every parameter as text (U056, U061)', async () => {
  await createOauthIntegration(api, 'params');
  const token = await openSession({
    integrations_config_defaults: { params: { authorization_params: { max_age: 6 } } },
  });
  const { headers } = await depart('params', token, {
    'authorization_params[access_type]': 'offline',
    user_scope: 'chat',
  });
  const url = new URL(headers.get('location') ?? '');
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    response_type: 'code',
    client_id: 'client-1',
    redirect_uri: `${api.url}/oauth/callback`,
    scope: 'read write',
    user_scope: 'chat',
    prompt: 'true',
    max_age: '6',
    access_type: 'offline',
    state: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge_method: 'S256',
  });
});

test('PKCE is left out and the client shown as Basic where the provider wants it so (U056)', async () => {
  await createOauthIntegration(api, 'basic', 'oauth-server-basic');
  const { answer } = await signIn('basic', await openSession());
  expect(answer.status).toBe(200);
  const [call] = server.tokenCalls;
  expect([call?.basic, call?.params.has('client_secret'), call?.params.has('code_verifier')]).toEqual([
    true,
    false,
    false,
  ]);
});

test('a callback that comes a second time, and a state that nobody left with, are refused (U060)', async () => {
  await createOauthIntegration(api, 'once');
  const { callback, answer } = await signIn('once', await openSession());
  expect(answer.status).toBe(200);
  const replayed = await api.call('GET', callback.pathname + callback.search, { key: null });
  expect([replayed.status, replayed.body.error.code]).toEqual([400, 'invalid_state']);
  const forged = await api.call('GET', '/oauth/callback?code=x&state=forged', { key: null });
  expect([forged.status, forged.body.error.code]).toEqual([400, 'invalid_state']);
  expect(server.tokenCalls).toHaveLength(1);
});

test('a sign-in that took longer than half an hour is refused', async () => {
  await createOauthIntegration(api, 'late');
  const left = await depart('late', await openSession());
  const provider = await fetch(left.headers.get('location') ?? '', { redirect: 'manual' });
  const callback = new URL(provider.headers.get('location') ?? '');
  api.setTime(new Date('2026-01-01T00:30:00.001Z'));
  const answer = await api.call('GET', callback.pathname + callback.search, { key: null });
  expect([answer.status, answer.body.error.code]).toEqual([400, 'invalid_state']);
});

test("the provider's own words reach the person, as text and never as markup", async () => {
  await createOauthIntegration(api, 'denied');
  const refused = { 'authorization_params[login_hint]': 'refuse' };
  const { callback } = await signIn('denied', await openSession(), refused);
  expect(callback.searchParams.get('error')).toBe('access_denied');
  const left = await depart('denied', await openSession(), refused);
  const back = (await fetch(left.headers.get('location') ?? '', { redirect: 'manual' })).headers.get('location') ?? '';
  const page = await api.call('GET', back.slice(api.url.length), { key: null, headers: { accept: 'text/html' } });
  expect(page.status).toBe(400);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.text).toContain('access_denied: The owner said &#60;no&#62;');
  expect((await api.call('GET', '/connections?integrationId=denied')).body.connections).toEqual([]);
});

test.each([
  [
    'HTML',
    { status: 502, body: '<html>s3cret</html>', type: 'text/html' },
    424,
    'token_endpoint_failed',
    'text/html, not JSON',
  ],
  [
    '200 with an error',
    { status: 200, body: '{"ok":false,"error":"bad_verification_code"}' },
    400,
    'grant_refused',
    'bad_verification_code',
  ],
  [
    'a refusal',
    { status: 400, body: '{"error":"invalid_grant","error_description":"Code was used"}' },
    400,
    'grant_refused',
    'invalid_grant (Code was used)',
  ],
  [
    'plain text',
    { status: 401, body: 'Invalid consumer, not client secret/with+signs', type: 'text/plain; charset=utf-8' },
    424,
    'token_endpoint_failed',
    'answered 401 (text/plain, not JSON: Invalid consumer, not ***)',
  ],
  ['another client', { status: 401, body: '{"error":"invalid_client"}' }, 400, 'client_refused', 'invalid_client'],
  [
    'no token',
    { status: 200, body: '{"scope":"x"}' },
    424,
    'token_endpoint_failed',
    "expected 'access_token' among 'scope'",
  ],
  [
    'a redirect',
    { status: 302, body: '', headers: { location: 'http://127.0.0.1:1/' } },
    424,
    'token_endpoint_failed',
    '302',
  ],
])('a token endpoint that answers with %s leaves nothing behind', async (name, refusal, status, code, words) => {
  const key = `bad-${name.replaceAll(' ', '-')}`;
  await createOauthIntegration(api, key);
  server.refusals.push(refusal);
  const { answer } = await signIn(key, await openSession());
  expect([answer.status, answer.body.error.code]).toEqual([status, code]);
  expect(answer.body.error.message).toContain(words);
  expect(answer.text).not.toContain('s3cret');
  expect((await api.call('GET', `/connections?integrationId=${key}`)).body.connections).toEqual([]);
});

test('a token answer may be a form, and a token of 8 KB is kept and used (U058)', async () => {
  await createOauthIntegration(api, 'long');
  const long = 'a'.repeat(8192);
  server.refusals.push({
    status: 200,
    type: 'application/x-www-form-urlencoded',
    body: `access_token=${long}&expires_in=60&scope=read`,
  });
  const { answer } = await signIn('long', await openSession());
  const { credentials } = await connectionOf('long', answer.body.connectionId);
  expect(credentials).toMatchObject({ access_token: long, expires_at: '2026-01-01T00:01:00.000Z' });
  const headers = { 'provider-config-key': 'long', 'connection-id': answer.body.connectionId };
  await api.call('GET', '/proxy/me', { headers });
  expect(server.apiCalls.at(-1)).toBe(long);
});

test('a token at a nested path is found, the earliest end counts, and what the answer tells is kept (U057)', async () => {
  await createOauthIntegration(api, 'nested', 'oauth-server-nested');
  server.reshape = ({ access_token, refresh_token }) => ({
    access_token: 'bot-token',
    refresh_token: 'bot-refresh',
    expires_in: 7200,
    team: { id: 'T1' },
    authed_user: { access_token, refresh_token, expires_in: 3600 },
  });
  const { answer } = await signIn('nested', await openSession());
  const connection = await connectionOf('nested', answer.body.connectionId, '&refresh_token=true');
  expect(connection.connection_config).toMatchObject({ 'team.id': 'T1' });
  expect(connection.credentials).toMatchObject({
    access_token: expect.stringMatching(/^access-/),
    refresh_token: expect.stringMatching(/^refresh-/),
    expires_at: '2026-01-01T01:00:00.000Z',
    raw: { access_token: 'bot-token' },
  });
  const shown = await connectionOf('nested', answer.body.connectionId);
  expect(shown.credentials.raw).toMatchObject({ access_token: 'bot-token', authed_user: { expires_in: 3600 } });
  expect(JSON.stringify(shown)).not.toMatch(/bot-refresh|refresh-|refresh_token/);
});

test('a connection whose provider tells values by dotted names can be signed in and imported again', async () => {
  await createOauthIntegration(api, 'dotted', 'oauth-server-nested');
  const telling = (id: string) => {
    server.reshape = ({ access_token }) => ({ access_token, team: { id } });
  };
  telling('T1');
  const first = (await signIn('dotted', await openSession())).answer.body;
  const { body } = await api.call('POST', '/connect/sessions/reconnect', {
    body: { connection_id: first.connectionId, integration_id: 'dotted' },
  });
  telling('T2');
  const { answer } = await signIn('dotted', body.data.token);
  expect([answer.status, answer.body.connectionId]).toEqual([200, first.connectionId]);
  const { connection_config, credentials } = await connectionOf('dotted', first.connectionId);
  expect(connection_config).toEqual({ server: server.url, 'team.id': 'T2' });
  const again = { provider_config_key: 'dotted', connection_id: first.connectionId, connection_config, credentials };
  expect((await api.call('POST', '/connections', { body: again })).status).toBe(200);
  const other = { ...again, connection_config: { ...connection_config, 'team.name': 'x' } };
  expect((await api.call('POST', '/connections', { body: other })).body.error.errors).toMatchObject([
    { path: ['connection_config', 'team.name'] },
  ]);
});

test('a session is for its integrations, for half an hour, and shows what it was opened with', async () => {
  await createOauthIntegration(api, 'mine');
  await createOauthIntegration(api, 'yours');
  const token = await openSession({ allowed_integrations: ['mine'] });
  const other = await depart('yours', token);
  expect([other.status, other.body.error.code]).toEqual([403, 'integration_not_allowed']);
  const headers = { authorization: `Bearer ${token}` };
  const shown = await api.call('GET', '/connect/session', { key: null, headers });
  expect(shown.body.data).toMatchObject({ allowed_integrations: ['mine'], endUser: { id: 'u1' } });
  expect((await api.call('DELETE', '/connect/session', { key: null, headers })).status).toBe(204);
  expect((await depart('mine', token)).body.error.code).toBe('invalid_session');
  const ending = await openSession();
  api.setTime(new Date('2026-01-01T00:30:00.001Z'));
  expect((await depart('mine', ending)).status).toBe(401);
});

test('a missing value of the connection_config is named with its example, and nobody leaves', async () => {
  await createOauthIntegration(api, 'config');
  const token = await openSession();
  const missing = await depart('config', token, { 'params[server]': '' });
  expect([missing.status, missing.body.error.code]).toEqual([400, 'invalid_body']);
  expect(missing.body.error.message).toContain(
    "'connection_config.server': is missing: expected Address of the server, such as 'https://login.acme.example'",
  );
});

test('an integration without a client id says how to set it', async () => {
  await api.call('POST', '/integrations', { body: { unique_key: 'empty', provider: 'oauth-server' } });
  const { status, body } = await depart('empty', await openSession());
  expect([status, body.error.code]).toEqual([400, 'integration_incomplete']);
  expect(body.error.message).toContain('PATCH /integrations/empty');
});

test('signing in again keeps id, metadata, tags and paused syncs', async () => {
  await createOauthIntegration(api, 'again');
  const first = (await signIn('again', await openSession({ tags: { a: 'b' } }))).answer.body;
  const address = { provider_config_key: 'again', connection_id: first.connectionId };
  await api.call('POST', '/connections/metadata', { body: { ...address, metadata: { kept: 1 } } });
  await deployFlows(api, flow('again', 'tasks'));
  await api.call('POST', '/sync/pause', { body: { provider_config_key: 'again', syncs: [] } });
  const before = await connectionOf('again', first.connectionId);
  const { body } = await api.call('POST', '/connect/sessions/reconnect', {
    body: { connection_id: first.connectionId, integration_id: 'again', end_user: { id: 'u1' } },
  });
  const { answer } = await signIn('again', body.data.token);
  expect(answer.body.connectionId).toBe(first.connectionId);
  const after = await connectionOf('again', first.connectionId);
  expect(after).toMatchObject({ id: before.id, metadata: { kept: 1 }, tags: { a: 'b' } });
  expect(after.credentials.access_token).not.toBe(before.credentials.access_token);
  const { rows } = await api.db.query('select paused from syncs where connection_id = $1', [before.id]);
  expect(rows).toEqual([{ paused: true }]);
});
