import { createHmac, generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { jwtVerify } from 'jose';
import { CLIENT } from '../../bench/upstream/authorization-server.ts';
import { useApi } from '../support/api.ts';
import { useAuthorizationServer } from '../support/authorization-server.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const server = useAuthorizationServer();
const upstream = useUpstream();

async function createIntegration(
  key: string,
  provider: string,
  credentials: Record<string, unknown> = {},
): Promise<void> {
  expect((await api.call('POST', '/integrations', { body: { unique_key: key, provider, credentials } })).status).toBe(
    201,
  );
}

async function signIn(route: string, key: string, body: Record<string, unknown>, config: Record<string, string> = {}) {
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const values = Object.entries({ server: upstream.url, ...config }).map(([name, value]): [string, string] => [
    `params[${name}]`,
    value,
  ]);
  const search = new URLSearchParams([['connect_session_token', String(session.body.data.token)], ...values]);
  return api.call('POST', `${route}/${key}?${search}`, { key: null, body });
}

const proxy = (
  key: string,
  id: string,
  path = '/me',
  init: { method?: string; raw?: string; headers?: Record<string, string> } = {},
) =>
  api.call(init.method ?? 'GET', `/proxy${path}`, {
    ...(init.raw !== undefined && { raw: init.raw }),
    headers: { 'provider-config-key': key, 'connection-id': id, ...init.headers },
  });
const sent = () => upstream.requests.at(-1);

test('API_KEY: the key is tried at the provider before it is kept', async () => {
  await createIntegration('key', 'key-tracker');
  upstream.answerWith({ status: 401 });
  const refused = await signIn('/api-auth/api-key', 'key', { apiKey: 'wrong' });
  expect([refused.status, refused.body.error.code]).toEqual([400, 'authorization_denied']);
  expect(refused.text).not.toContain('wrong');
  upstream.answerWith({ status: 403, json: { error: { message: 'Key wrong-key-1 was revoked by its owner' } } });
  const told = (await signIn('/api-auth/api-key', 'key', { apiKey: 'wrong-key-1' })).body.error.message;
  expect(told).toContain('it answered 403 (Key *** was revoked by its owner) to GET /me');
  expect((await api.call('GET', '/connections?integrationId=key')).body.connections).toEqual([]);
  const made = await signIn('/api-auth/api-key', 'key', { apiKey: 'right' });
  expect(made).toMatchObject({ status: 200, body: { providerConfigKey: 'key', connectionId: expect.any(String) } });
  await proxy('key', made.body.connectionId);
  expect(sent()?.headers['x-key']).toBe('right');
});

test('credentials of another mode are refused and told where they belong', async () => {
  await createIntegration('mode', 'key-tracker');
  const { status, body } = await signIn('/api-auth/basic', 'mode', { username: 'a', password: 'b' });
  expect([status, body.error.code]).toEqual([400, 'invalid_body']);
  expect(body.error.message).toContain('/api-auth/api-key/:key');
});

test('BASIC and NONE make connections', async () => {
  await createIntegration('basic', 'basic-verified');
  const made = await signIn('/api-auth/basic', 'basic', { username: 'ada', password: 'p:w' });
  await proxy('basic', made.body.connectionId);
  expect(sent()?.headers.authorization).toBe(`Basic ${Buffer.from('ada:p:w').toString('base64')}`);
  await createIntegration('open', 'open-tracker');
  expect((await signIn('/auth/unauthenticated', 'open', {}, { baseUrl: upstream.url })).status).toBe(200);
});

test('OAUTH2_CC: the token is got at once and again when it has ended (U049)', async () => {
  await createIntegration('cc', 'oauth-server-cc');
  server.lifetime = 2;
  const credentials = { client_id: CLIENT.id, client_secret: CLIENT.secret };
  const made = await signIn('/oauth2/auth', 'cc', credentials, { server: server.url });
  expect(server.tokenCalls.at(-1)?.params.get('scope')).toBe('a b');
  for (let seconds = 0; seconds < 12; seconds += 3) {
    api.setTime(new Date(Date.parse('2026-01-01T00:00:00Z') + seconds * 1_000));
    expect((await proxy('cc', made.body.connectionId)).status).toBe(200);
  }
  expect(server.tokenCalls).toHaveLength(4);
});

test('OAUTH2_CC: a client that is not taken makes no connection', async () => {
  await createIntegration('cc-wrong', 'oauth-server-cc');
  const refused = await signIn(
    '/oauth2/auth',
    'cc-wrong',
    { client_id: 'x', client_secret: 'y' },
    { server: server.url },
  );
  expect([refused.status, refused.body.error.code]).toEqual([400, 'client_refused']);
});

test('JWT: signed here with the given key, anew when it has ended', async () => {
  await createIntegration('jwt', 'jwt-tracker');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const made = await signIn('/auth/jwt', 'jwt', {
    privateKeyId: 'K1',
    issuerId: '69a6de7f-03ef-47e3-e053-5b8c7c11a4d1',
    privateKey: privateKey.export({ type: 'sec1', format: 'pem' }),
  });
  await proxy('jwt', made.body.connectionId);
  const token = sent()?.headers.authorization?.slice(7) ?? '';
  const options = { currentDate: new Date('2026-01-01T00:05:00Z'), audience: 'appstoreconnect-v1' };
  const verified = await jwtVerify(token, publicKey, options);
  expect(verified.protectedHeader).toMatchObject({ alg: 'ES256', kid: 'K1' });
  expect(verified.payload).toMatchObject({ iss: '69a6de7f-03ef-47e3-e053-5b8c7c11a4d1', exp: 1_767_226_200 });
  api.setTime(new Date('2026-01-01T00:11:00Z'));
  await proxy('jwt', made.body.connectionId);
  expect(sent()?.headers.authorization?.slice(7)).not.toBe(token);
});

test('JWT: fields that are missing or wrong are named with their example; a bad key is not shown', async () => {
  await createIntegration('jwt-bad', 'jwt-tracker');
  const { body } = await signIn('/auth/jwt', 'jwt-bad', { issuerId: 'x', privateKey: 'nonsense' });
  expect(body.error.errors.map(({ path }: { path: string[] }) => path.join('.'))).toEqual([
    'credentials.privateKeyId',
    'credentials.issuerId',
  ]);
  expect(body.error.message).toContain("such as 'ABC123'");
  const issuerId = '69a6de7f-03ef-47e3-e053-5b8c7c11a4d1';
  const bad = await signIn('/auth/jwt', 'jwt-bad', { privateKeyId: 'K', issuerId, privateKey: 'nonsense' });
  expect([bad.status, bad.body.error.code]).toEqual([400, 'grant_refused']);
  expect(bad.text).not.toContain('nonsense');
});

test('TWO_STEP: each call can use the answers before it, and the end is read from the last', async () => {
  await createIntegration('two', 'two-step-tracker');
  upstream.answerWith({ json: { ticket: 't$1' } }, { json: { data: { token: 'tok', ends: '2026-01-01T01:00:00Z' } } });
  const made = await signIn('/auth/two-step', 'two', { username: 'ada', secret: 's' });
  expect(made.status).toBe(200);
  expect(upstream.requests.map(({ url, body }) => [url, JSON.parse(body.toString())])).toEqual([
    ['/login', { user: 'ada', nested: { secret: 's' } }],
    ['/session/t$1', { ticket: 'T-t$1' }],
  ]);
  expect(sent()?.headers['x-step']).toBe('t$1');
  await proxy('two', made.body.connectionId);
  expect(sent()?.headers.authorization).toBe('Bearer tok');
  const { body } = await api.call('GET', `/connections/${made.body.connectionId}?provider_config_key=two`);
  expect(body.credentials).toMatchObject({ type: 'TWO_STEP', username: 'ada', expires_at: '2026-01-01T01:00:00.000Z' });
});

test('SIGNATURE: a WSSE token in the header the entry names', async () => {
  await createIntegration('wsse', 'wsse-tracker');
  const made = await signIn('/auth/signature', 'wsse', { username: 'ada', password: 'p' });
  await proxy('wsse', made.body.connectionId);
  expect(sent()?.headers['x-wsse']).toMatch(
    /^UsernameToken Username="ada", PasswordDigest="[\w+/=]+", Nonce="[0-9a-f]{32}", Created="2026-01-01T00:00:00Z"$/,
  );
});

test('APP: an installation makes a connection; its token is got by a JWT signed with the app key', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await createIntegration('app', 'app-tracker', {
    app_id: '77',
    app_link: 'https://github.com/apps/mine',
    private_key: privateKey.export({ type: 'pkcs1', format: 'pem' }),
  });
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const search = new URLSearchParams({
    connect_session_token: session.body.data.token,
    'params[server]': upstream.url,
  });
  const left = await api.call('GET', `/oauth/connect/app?${search}`, { key: null });
  const url = new URL(left.headers.get('location') ?? '');
  expect(url.origin + url.pathname).toBe('https://github.com/apps/mine/installations/new');
  const back = `/app-auth/connect?installation_id=9&setup_action=install&state=${url.searchParams.get('state')}`;
  upstream.answerWith({ status: 201, json: { token: 'ghs_1', expires_at: '2026-01-01T01:00:00Z' } });
  const made = await api.call('GET', back, { key: null });
  expect(made.status).toBe(200);
  expect(sent()).toMatchObject({ method: 'POST', url: '/app/installations/9/access_tokens' });
  const jwt = sent()?.headers.authorization?.slice(7) ?? '';
  const { payload } = await jwtVerify(jwt, publicKey, {
    currentDate: new Date('2026-01-01T00:00:00Z'),
  });
  expect(payload.iss).toBe('77');
  await proxy('app', made.body.connectionId);
  expect(sent()?.headers.authorization).toBe('Bearer ghs_1');
  upstream.answerWith({ status: 201, json: { token: 'ghs_2', expires_at: '2026-01-01T02:00:00Z' } });
  api.setTime(new Date('2026-01-01T01:00:00Z'));
  await proxy('app', made.body.connectionId);
  expect(sent()?.headers.authorization).toBe('Bearer ghs_2');
});

test('CUSTOM: an app stands beside the person who installed it, and each is renewed when its own token ends', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await createIntegration('custom', 'custom-tracker', {
    ...{ client_id: 'Iv1', client_secret: 'app-secret', app_id: '77', app_link: 'https://github.com/apps/mine' },
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  });
  const ofPerson = (n: number) => ({
    json: { access_token: `ghu_${n}`, refresh_token: `ghr_${n}`, expires_in: 28_800 },
  });
  const ofApp = (n: number, expires_at: string) => ({ status: 201, json: { token: `ghs_${n}`, expires_at } });
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const search = new URLSearchParams({
    connect_session_token: session.body.data.token,
    'params[server]': upstream.url,
  });
  const left = await api.call('GET', `/oauth/connect/custom?${search}`, { key: null });
  const state = new URL(left.headers.get('location') ?? '').searchParams.get('state');
  upstream.answerWith(ofPerson(1), ofApp(1, '2026-01-01T01:00:00Z'));
  const back = `/app-auth/connect?code=c1&installation_id=9&setup_action=install&state=${state}`;
  const made = await api.call('GET', back, { key: null });
  expect(made.status).toBe(200);
  expect(upstream.requests.map(({ url }) => url)).toEqual([
    '/login/oauth/access_token',
    '/app/installations/9/access_tokens',
  ]);
  expect(Object.fromEntries(new URLSearchParams(String(upstream.requests[0]?.body)))).toMatchObject({
    ...{ grant_type: 'authorization_code', code: 'c1', client_id: 'Iv1', client_secret: 'app-secret' },
  });
  const { connectionId } = made.body;
  const show = (query = '') => api.call('GET', `/connections/${connectionId}?provider_config_key=custom${query}`);
  const carried = async () => {
    await proxy('custom', connectionId);
    return sent()?.headers.authorization;
  };
  expect(await carried()).toBe('Bearer ghs_1');
  const shown = await show();
  expect(shown.body.credentials).toMatchObject({
    type: 'CUSTOM',
    app: { access_token: 'ghs_1' },
    user: { access_token: 'ghu_1' },
  });
  expect(shown.text).not.toContain('ghr_1');

  api.setTime(new Date('2026-01-01T01:00:00Z'));
  upstream.answerWith(ofApp(2, '2026-01-01T02:00:00Z'));
  expect(await carried()).toBe('Bearer ghs_2');
  api.setTime(new Date('2026-01-01T08:00:00Z'));
  upstream.answerWith(ofPerson(2), ofApp(3, '2026-01-01T09:00:00Z'));
  expect(await carried()).toBe('Bearer ghs_3');
  expect((await show('&refresh_token=true')).body.credentials).toMatchObject({
    app: { access_token: 'ghs_3' },
    user: { access_token: 'ghu_2', refresh_token: 'ghr_2' },
  });
});

/** The signature of RFC 5849 section 3.4, computed once more from what arrived. */
function expectSigned(
  given: { method: string; url: string; body: Buffer; headers: Record<string, unknown> },
  secrets: string,
  hash: string,
): Record<string, string> {
  const header = String(given.headers['authorization']);
  const fields = [...header.slice(6).matchAll(/(\w+)="([^"]*)"/g)].map(
    ([, name, value]) => [name ?? '', decodeURIComponent(value ?? '')] as const,
  );
  const { oauth_signature: signature, realm: _, ...signedFields } = Object.fromEntries(fields);
  const url = new URL(given.url, upstream.url);
  const isForm = String(given.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  const pairs = [
    ...Object.entries(signedFields),
    ...url.searchParams,
    ...(isForm ? new URLSearchParams(given.body.toString()) : []),
  ];
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const normal = pairs
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const base = [given.method, url.origin + url.pathname, normal].map(encode).join('&');
  expect(signature).toBe(createHmac(hash, secrets).update(base).digest('base64'));
  return Object.fromEntries(fields);
}

test('OAUTH1: a person signs in, and every call is signed with its query and form', async () => {
  await createIntegration('one', 'oauth1-tracker', { client_id: 'ck', client_secret: 'cs' });
  upstream.answerWith({
    body: 'oauth_token=rt&oauth_token_secret=rs&oauth_callback_confirmed=true',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const search = new URLSearchParams({
    connect_session_token: session.body.data.token,
    'params[server]': upstream.url,
  });
  const left = await api.call('GET', `/oauth/connect/one?${search}`, { key: null });
  expect(left.headers.get('location')).toBe(`${upstream.url}/authorize?oauth_token=rt`);
  const first = upstream.requests[0];
  if (first === undefined) throw new Error('no request token was asked for');
  expect(expectSigned(first, 'cs&', 'sha1')).toMatchObject({ oauth_callback: `${api.url}/oauth/callback` });
  upstream.answerWith({
    body: 'oauth_token=at&oauth_token_secret=as&user_id=7',
    headers: { 'content-type': 'text/plain' },
  });
  const made = await api.call('GET', '/oauth/callback?oauth_token=rt&oauth_verifier=v', { key: null });
  expect(made.status).toBe(200);
  const second = upstream.requests[1];
  if (second === undefined) throw new Error('no access token was asked for');
  expect(expectSigned(second, 'cs&rs', 'sha1')).toMatchObject({ oauth_verifier: 'v', oauth_token: 'rt' });
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'nango-proxy-x': 'y' };
  await proxy('one', made.body.connectionId, '/post?a=1&a=2&b=%20!', {
    method: 'POST',
    raw: 'status=Hi+there%21',
    headers,
  });
  const call = sent();
  if (call === undefined) throw new Error('no call arrived');
  expect(call.body.toString()).toBe('status=Hi+there%21');
  expectSigned(call, 'cs&as', 'sha1');
});

test('TBA: calls are signed for the account with HMAC-SHA256', async () => {
  await createIntegration('tba', 'tba-tracker', { client_id: 'ck', client_secret: 'cs' });
  const body = {
    token_id: 'ti',
    token_secret: 'ts',
    oauth_client_id_override: 'ck2',
    oauth_client_secret_override: 'cs2',
  };
  const made = await signIn('/auth/tba', 'tba', body, { accountId: '123-sb1' });
  await proxy('tba', made.body.connectionId, '/rest?q=1');
  const call = sent();
  if (call === undefined) throw new Error('no call arrived');
  const fields = expectSigned(call, 'cs2&ts', 'sha256');
  expect(fields).toMatchObject({ realm: '123_SB1', oauth_consumer_key: 'ck2', oauth_signature_method: 'HMAC-SHA256' });
});

test('BILL: a session is opened, goes along with each call, and a new one when it has ended', async () => {
  await createIntegration('bill', 'bill-tracker');
  const who = { username: 'ada', password: 'p4ss', organization_id: 'o1', dev_key: 'd1' };
  upstream.answerWith({ status: 401, json: { error: 'BDC_1102', message: 'Invalid credentials' } });
  const refused = await signIn('/auth/bill', 'bill', { ...who, password: 'wrong' });
  expect([refused.status, refused.body.error.code]).toEqual([400, 'grant_refused']);
  expect((await api.call('GET', '/connections?integrationId=bill')).body.connections).toEqual([]);
  upstream.answerWith({ json: { sessionId: 's1', userId: 'u1' } });
  const made = await signIn('/auth/bill', 'bill', who);
  expect(sent()).toMatchObject({ method: 'POST', url: '/v3/login' });
  expect(JSON.parse(String(sent()?.body))).toEqual({
    ...{ username: 'ada', password: 'p4ss', organizationId: 'o1', devKey: 'd1' },
  });
  await proxy('bill', made.body.connectionId, '/v3/bills');
  expect(sent()).toMatchObject({ url: '/v3/bills', headers: { devkey: 'd1', sessionid: 's1' } });
  api.setTime(new Date('2026-01-01T00:36:00.000Z'));
  upstream.answerWith({ json: { sessionId: 's2', userId: 'u1' } });
  await proxy('bill', made.body.connectionId, '/v3/bills');
  expect(upstream.requests.slice(-2).map(({ url }) => url)).toEqual(['/v3/login', '/v3/bills']);
  expect(sent()?.headers['sessionid']).toBe('s2');
});

test('AWS_SIGV4: calls carry a signature over the body, and no key of it is listed', async () => {
  await createIntegration('aws', 'aws-tracker');
  const keys = { access_key_id: 'AKID', secret_access_key: 'SECRET', region: 'eu-west-1', service: 'execute-api' };
  const made = await signIn('/auth/aws-sigv4', 'aws', keys);
  await proxy('aws', made.body.connectionId, '/x?b=2&a=1', {
    method: 'POST',
    raw: '{"a":1}',
    headers: { 'content-type': 'application/json' },
  });
  expect(sent()?.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKID\/20260101\/eu-west-1\/execute-api\/aws4_request, SignedHeaders=[^,]*host[^,]*, Signature=[0-9a-f]{64}$/,
  );
  expect(sent()?.body.toString()).toBe('{"a":1}');
  expect(made.text + (await api.call('GET', '/connections?integrationId=aws')).text).not.toContain('SECRET');
});
