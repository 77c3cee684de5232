import { expect, test } from '@jest/globals';
import { NOW, useApi } from '../support/api.ts';
import { createTracker, deployFlows, flow } from '../support/deployment.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const upstream = useUpstream();
const get = (id: string, key: string) =>
  api.call('GET', `/connections/${encodeURIComponent(id)}?provider_config_key=${encodeURIComponent(key)}`);

test('a connection is created with sealed credentials and shown with open ones', async () => {
  await createTracker(api, 'life', []);
  const created = await api.call('POST', '/connections', {
    body: {
      provider_config_key: 'life',
      connection_id: 'c1',
      credentials: { type: 'API_KEY', apiKey: 's3cret' },
      metadata: { team: 'x' },
      connection_config: { baseUrl: 'http://127.0.0.1:1' },
    },
  });
  expect(created).toMatchObject({
    status: 201,
    body: {
      id: expect.any(Number),
      connection_id: 'c1',
      provider_config_key: 'life',
      provider: 'tracker',
      credentials: { type: 'API_KEY', apiKey: 's3cret' },
      metadata: { team: 'x' },
      connection_config: { baseUrl: 'http://127.0.0.1:1' },
      errors: [],
      created_at: '2026-01-01T00:00:00.000Z',
    },
  });
  expect((await get('c1', 'life')).body).toEqual({ ...created.body, last_fetched_at: '2026-01-01T00:00:00.000Z' });
  const stored = await api.db.query('select credentials from connections where connection_id = $1', ['c1']);
  expect(JSON.stringify(stored.rows)).not.toContain('s3cret');
});

test('without an id the connection gets one', async () => {
  await createTracker(api, 'nameless', []);
  const { body } = await api.call('POST', '/connections', {
    body: { provider_config_key: 'nameless', credentials: { api_key: 'x' } },
  });
  expect(body.connection_id).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  expect(body.credentials).toEqual({ type: 'API_KEY', apiKey: 'x' });
});

test('a connection made again is renewed: id, metadata and syncs stay, credentials change', async () => {
  await createTracker(api, 'renewed', []);
  const create = (body: Record<string, unknown>) =>
    api.call('POST', '/connections', { body: { provider_config_key: 'renewed', connection_id: 'c', ...body } });
  const first = await create({ credentials: { apiKey: 'one' }, metadata: { kept: true } });
  await deployFlows(api, flow('renewed', 'tasks'));
  await api.call('POST', '/sync/pause', { body: { provider_config_key: 'renewed', syncs: [] } });
  const second = await create({ credentials: { apiKey: 'two' } });
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.body).toMatchObject({ id: first.body.id, metadata: { kept: true }, credentials: { apiKey: 'two' } });
  const { body } = await api.call('GET', '/sync/status?syncs=*&provider_config_key=renewed');
  expect(body.syncs).toHaveLength(1);
  expect((await api.db.query('select paused from syncs where id = $1', [body.syncs[0].id])).rows).toEqual([
    { paused: true },
  ]);
});

test('a new connection gets the deployed syncs and their first runs, and Temporal hears of it', async () => {
  await createTracker(api, 'late', []);
  await deployFlows(api, flow('late', 'tasks'), flow('late', 'users', { auto_start: false }));
  api.engine.reset();
  await createTrackerConnection('late', 'c9');
  const { body } = await api.call('GET', '/runs?provider_config_key=late');
  expect(body.runs).toMatchObject([{ name: 'tasks', connection_id: 'c9', started_by: 'creation', state: 'queued' }]);
  expect(api.engine.calls).toEqual([['reconcile', undefined]]);
});

const createTrackerConnection = (key: string, id: string) =>
  api.call('POST', '/connections', {
    body: { provider_config_key: key, connection_id: id, credentials: { apiKey: 'x' } },
  });

test.each([
  ['is out of reach', () => Promise.reject(new Error('down'))],
  ['does not answer', () => new Promise<void>(() => {})],
])('a connection is created although Temporal %s', async (how, reconcile) => {
  await createTracker(api, how, []);
  api.engine.answer({ reconcile });
  expect((await createTrackerConnection(how, 'c')).status).toBe(201);
  expect(api.events.map(({ event }) => event)).toContain('reconcile.postponed');
});

test.each([
  ['tracker', undefined, ['credentials', 'apiKey']],
  ['tracker', { apiKey: '' }, ['credentials', 'apiKey']],
  ['tracker', { apiKey: 'x', extra: 1 }, ['credentials', 'extra']],
  ['tracker', { type: 'BASIC', username: 'x' }, ['credentials', 'type']],
  ['basic-tracker', { password: 'x' }, ['credentials', 'username']],
  ['oauth-tracker', { access_token: 'x', expires_at: 'soon' }, ['credentials', 'expires_at']],
])('credentials of %s as %j are refused at %j', async (provider, credentials, path) => {
  await api.call('POST', '/integrations', { body: { provider, unique_key: `shape-${provider}` } });
  const { status, body } = await api.call('POST', '/connections', {
    body: { provider_config_key: `shape-${provider}`, credentials },
  });
  expect([status, body.error.code]).toEqual([400, 'invalid_body']);
  expect(body.error.errors.map((fault: { path: unknown }) => fault.path)).toContainEqual(path);
});

test.each([
  ['basic-tracker', { username: 'u' }, { type: 'BASIC', username: 'u', password: '' }],
  [
    'oauth-tracker',
    { access_token: 't', refresh_token: 'r' },
    { type: 'OAUTH2', access_token: 't', refresh_token: 'r', raw: {} },
  ],
  ['open-tracker', undefined, { type: 'NONE' }],
])('credentials of %s are taken as %j', async (provider, credentials, expected) => {
  await api.call('POST', '/integrations', { body: { provider, unique_key: `good-${provider}` } });
  const { body } = await api.call('POST', '/connections', {
    body: { provider_config_key: `good-${provider}`, credentials },
  });
  expect(body.credentials).toEqual(expected);
});

test('a token of 8 KB is imported, shown and used (U058)', async () => {
  await api.call('POST', '/integrations', { body: { provider: 'oauth-tracker', unique_key: 'long' } });
  const token = 't'.repeat(8192);
  const { body } = await api.call('POST', '/connections', {
    body: {
      provider_config_key: 'long',
      credentials: { access_token: token },
      connection_config: { baseUrl: upstream.url },
    },
  });
  expect(body.credentials.access_token).toBe(token);
  const headers = { 'provider-config-key': 'long', 'connection-id': body.connection_id };
  expect((await api.call('GET', '/proxy/x', { headers })).status).toBe(200);
  expect(upstream.requests[0]?.headers.authorization).toBe(`Bearer ${token}`);
});

test('an auth mode without a flow yet is refused by name', async () => {
  await api.call('POST', '/integrations', { body: { provider: 'plugin-tracker', unique_key: 'signed' } });
  const { status, body } = await api.call('POST', '/connections', {
    body: { provider_config_key: 'signed', credentials: {} },
  });
  expect(status).toBe(400);
  expect(body.error.message).toContain('INSTALL_PLUGIN');
});

test.each([
  `a/b`,
  'a%2Fb'.replace('%', '='),
  `it's "quoted"`,
  'a:b;c,d',
  '{x}$|~+[]',
  'back\\slash',
  'a b',
  '..',
  '?a=b&c'.replace('?', '').replace('&', ','),
])('the connection id %j is found, addressed and deleted as it is', async (id) => {
  await api.call('POST', '/integrations', { body: { provider: 'tracker', unique_key: 'odd' } });
  expect((await createTrackerConnection('odd', id)).body.connection_id).toBe(id);
  const listed = await api.call('GET', `/connections?connectionId=${encodeURIComponent(id)}`);
  expect(listed.body.connections).toMatchObject([{ connection_id: id }]);
  // A URL parser removes a path of dots even when it is encoded.
  if (id === '..') return;
  expect((await get(id, 'odd')).body.connection_id).toBe(id);
  const path = `/connections/${encodeURIComponent(id)}?provider_config_key=odd`;
  expect((await api.call('DELETE', path)).body).toEqual({ success: true });
  expect((await get(id, 'odd')).status).toBe(404);
});

test.each(['', 'ünï', '🦊', 'a%b', 'a\u0000b', 'x'.repeat(256)])('the connection id %j is refused', async (id) => {
  await api.call('POST', '/integrations', { body: { provider: 'tracker', unique_key: 'refusing' } });
  const { status, body } = await createTrackerConnection('refusing', id);
  expect([status, body.error.code, body.error.errors[0].path]).toEqual([400, 'invalid_body', ['connection_id']]);
});

test('unknown connections and integrations are named', async () => {
  await createTracker(api, 'known', []);
  const connection = await get('🦊', 'known');
  expect([connection.status, connection.body.error.code]).toEqual([404, 'unknown_connection']);
  expect(connection.body.error.message).toContain("'🦊'");
  const integration = await get('c', 'unknown-key');
  expect([integration.status, integration.body.error.code]).toEqual([404, 'unknown_provider_config']);
  expect((await api.call('GET', '/connections/c')).body.error).toMatchObject({
    code: 'invalid_query_params',
    errors: [{ path: ['provider_config_key'] }],
  });
});

test('another environment sees and deletes nothing of it', async () => {
  await createTracker(api, 'private', ['c']);
  expect((await api.call('GET', '/connections/c?provider_config_key=private', { key: api.otherKey })).status).toBe(404);
  expect((await api.call('DELETE', '/connections/c?provider_config_key=private', { key: api.otherKey })).status).toBe(
    404,
  );
  expect((await api.call('GET', '/connections', { key: api.otherKey })).body.connections).toEqual([]);
});

test('the list filters by integration, pages, and shows nothing secret', async () => {
  await createTracker(api, 'l1', ['a', 'b', 'c']);
  await createTracker(api, 'l2', ['d']);
  const ids = async (query: string) =>
    (await api.call('GET', `/connections?${query}`)).body.connections.map(
      (one: { connection_id: string }) => one.connection_id,
    );
  expect(await ids('integrationId=l1,l2')).toEqual(['a', 'b', 'c', 'd']);
  expect(await ids('integrationId=l1&limit=2')).toEqual(['a', 'b']);
  expect(await ids('integrationId=l1&limit=2&page=1')).toEqual(['c']);
  expect((await api.call('GET', '/connections?integrationId=l1')).text).not.toContain('key of');
  expect((await api.call('GET', '/connections?limit=0')).status).toBe(400);
});

test('the list finds connections by whose they are, by tags and by parts of names', async () => {
  await createTracker(api, 'whose', []);
  const make = (connection_id: string, whose: Record<string, unknown>) =>
    api.call('POST', '/connections', {
      body: { provider_config_key: 'whose', connection_id, credentials: { apiKey: 'x' }, ...whose },
    });
  const organization = { id: 'org-1', display_name: 'Acme' };
  await make('first', {
    end_user: { id: 'ada', email: 'ada@example.com', organization },
    tags: { plan: 'pro', eu: 'y' },
  });
  await make('second', { end_user: { id: 'bob', organization }, tags: { plan: 'free' } });
  await make('third', {});
  const ids = async (query: string) =>
    (await api.call('GET', `/connections?integrationId=whose&${query}`)).body.connections.map(
      (one: { connection_id: string }) => one.connection_id,
    );
  expect(await ids('endUserId=ada')).toEqual(['first']);
  expect(await ids('endUserOrganizationId=org-1')).toEqual(['first', 'second']);
  expect(await ids('tags[plan]=pro&tags[eu]=y')).toEqual(['first']);
  expect(await ids('tags[plan]=none')).toEqual([]);
  expect(await ids('search=secon')).toEqual(['second']);
  expect(await ids('connectionId=third')).toEqual(['third']);
  expect(await api.call('GET', '/connections?colour=red')).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid_query_params' } },
  });
});

test('the list finds those whose person has to sign in again', async () => {
  await createTracker(api, 'unwell', ['well', 'ill']);
  await api.db.query(
    `update connections set auth_failed_at = $1, refresh_error = 'invalid_grant' where connection_id = 'ill'`,
    [NOW],
  );
  const found = async (query: string) =>
    (await api.call('GET', `/connections?integrationId=unwell&${query}`)).body.connections.map(
      (one: { connection_id: string; errors: unknown[] }) => [one.connection_id, one.errors.length],
    );
  expect(await found('withError=true')).toEqual([['ill', 1]]);
  expect(await found('withError=false')).toEqual([
    ['well', 0],
    ['ill', 1],
  ]);
});

test.each(['connections', 'connection'])('PATCH /%s changes whose a connection is, and nothing else', async (path) => {
  const key = `patched-${path}`;
  await createTracker(api, key, ['c']);
  const before = (await get('c', key)).body;
  const patch = (body: unknown) => api.call('PATCH', `/${path}/c?provider_config_key=${key}`, { body });
  const changes = { end_user: { id: 'eve' }, tags: { plan: 'pro' }, webhook_url_override: 'https://example.com/hook' };
  expect(await patch(changes)).toMatchObject({ status: 200, body: { success: true } });
  const { end_user, tags, webhook_url_override, ...after } = (await get('c', key)).body;
  expect({ end_user, tags, webhook_url_override }).toMatchObject(changes);
  expect(after).toMatchObject({ id: before.id, credentials: before.credentials, metadata: before.metadata });
  await patch({ end_user: null });
  expect((await get('c', key)).body).toMatchObject({ end_user: null, tags: { plan: 'pro' } });
  expect((await patch({ metadata: {} })).status).toBe(400);
});

test('POST /connection takes the credentials beside the rest, as clients of 2023 send them', async () => {
  for (const provider of ['tracker', 'basic-tracker', 'oauth-tracker'])
    await api.call('POST', '/integrations', { body: { provider, unique_key: `flat-${provider}` } });
  const make = (provider: string, body: Record<string, unknown>) =>
    api.call('POST', '/connection', { body: { provider_config_key: `flat-${provider}`, connection_id: 'c', ...body } });
  expect(await make('tracker', { api_key: 'k', metadata: { a: 1 } })).toMatchObject({
    status: 201,
    body: { connection_id: 'c', credentials: { type: 'API_KEY', apiKey: 'k' }, metadata: { a: 1 } },
  });
  expect((await make('basic-tracker', { username: 'u', password: 'p' })).body.credentials).toMatchObject({
    username: 'u',
    password: 'p',
  });
  expect((await make('oauth-tracker', { access_token: 't' })).body.credentials).toMatchObject({ access_token: 't' });
  const refused = await make('tracker', { api_key: 'k', nonsense: 1 });
  expect([refused.status, refused.body.error.code]).toEqual([400, 'invalid_body']);
});

test.each([
  [{ expires_in: 90 }, '2026-01-01T00:01:30.000Z'],
  [{ expires_in: 90, expires_at: '2027-01-01T00:00:00.000Z' }, '2027-01-01T00:00:00.000Z'],
  [{ no_expiration: true }, undefined],
])('POST /connection with %j: the token ends at %s', async (said, end) => {
  await api.call('POST', '/integrations', { body: { provider: 'oauth-tracker', unique_key: 'ends' } });
  const named = { provider_config_key: 'ends', access_token: 't' };
  const { body } = await api.call('POST', '/connection', { body: { ...named, ...said } });
  expect(body.credentials.expires_at).toBe(end);
});

test('deleting stops the open runs of the connection and tells Temporal', async () => {
  await createTracker(api, 'stopping', ['c']);
  await deployFlows(api, flow('stopping', 'tasks'));
  api.engine.reset();
  const before = api.events.length;
  api.engine.answer({ cancel: () => Promise.reject(new Error('down')) });
  expect((await api.call('DELETE', '/connections/c?provider_config_key=stopping')).status).toBe(200);
  expect(api.engine.calls.map(([method]) => method)).toEqual(['cancel', 'reconcile']);
  expect(api.events.slice(before).map(({ event }) => event)).toEqual(['cancel.postponed']);
});

test.each(['connections', 'connection'])(
  'metadata is replaced by POST and merged by PATCH of /%s/metadata, for one or many',
  async (path) => {
    const key = `meta-${path}`;
    await createTracker(api, key, ['a', 'b']);
    const get = (id: string) => api.call('GET', `/connections/${id}?provider_config_key=${key}`);
    const change = (method: string, body: Record<string, unknown>) =>
      api.call(method, `/${path}/metadata`, { body: { provider_config_key: key, ...body } });
    const posted = await change('POST', { connection_id: ['a', 'b'], metadata: { x: 1, y: { z: 1 } } });
    expect(posted).toMatchObject({ status: 201, body: { connection_id: ['a', 'b'], metadata: { x: 1 } } });
    expect((await change('PATCH', { connection_id: 'a', metadata: { y: 2 } })).status).toBe(200);
    expect((await get('a')).body.metadata).toEqual({ x: 1, y: 2 });
    expect((await get('b')).body.metadata).toEqual({ x: 1, y: { z: 1 } });
    await change('POST', { connection_id: 'a', metadata: {} });
    expect((await get('a')).body.metadata).toEqual({});
  },
);

test('metadata for a list with unknown connections changes none and names them', async () => {
  await createTracker(api, 'partly', ['a']);
  const body = { provider_config_key: 'partly', connection_id: ['a', 'x', 'y'], metadata: { z: 1 } };
  const { status, body: answer } = await api.call('POST', '/connections/metadata', { body });
  expect([status, answer.error.code]).toEqual([404, 'unknown_connection']);
  expect(answer.error.message).toContain("'x', 'y'");
  expect((await get('a', 'partly')).body.metadata).toEqual({});
});

test('metadata that Postgres could not keep is refused', async () => {
  await createTracker(api, 'nul', ['a']);
  const body = { provider_config_key: 'nul', connection_id: 'a', metadata: { text: 'a\u0000' } };
  expect((await api.call('POST', '/connections/metadata', { body })).body.error.errors[0]).toMatchObject({
    message: expect.stringContaining('NUL'),
    path: ['metadata'],
  });
});
