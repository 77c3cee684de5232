import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { createTracker } from '../support/deployment.ts';

const api = useApi();

test('an integration is created, found, listed and deleted', async () => {
  const created = await api.call('POST', '/integrations', {
    body: { provider: 'tracker', unique_key: 'life', display_name: 'Life', credentials: { client_secret: 's3cret' } },
  });
  const expected = {
    unique_key: 'life',
    provider: 'tracker',
    display_name: 'Life',
    created_at: '2026-01-01T00:00:00.000Z',
  };
  expect(created).toMatchObject({ status: 201, body: { data: expected } });
  expect(created.text).not.toContain('s3cret');
  expect(await api.call('GET', '/integrations/life')).toMatchObject({ status: 200, body: { data: expected } });
  expect(await api.call('GET', '/config/life')).toMatchObject({ status: 200, body: { config: expected } });
  expect((await api.call('GET', '/integrations')).body.data).toContainEqual(expect.objectContaining(expected));
  expect(await api.call('DELETE', '/integrations/life')).toMatchObject({ status: 200, body: { success: true } });
  expect((await api.call('GET', '/integrations/life')).status).toBe(404);
});

test('credentials are sealed in the database and shown when asked for', async () => {
  const credentials = { client_id: 'id', client_secret: 'pl4in' };
  await api.call('POST', '/integrations', { body: { provider: 'oauth-tracker', unique_key: 'sealed', credentials } });
  const stored = await api.db.query('select credentials from integrations where unique_key = $1', ['sealed']);
  expect(JSON.stringify(stored.rows)).not.toContain('pl4in');
  expect((await api.call('GET', '/integrations/sealed?include=credentials&include=webhook')).body.data).toMatchObject({
    credentials: { type: 'OAUTH2', ...credentials },
    webhook_url: expect.stringMatching(/\/webhook\/[0-9a-f-]{36}\/sealed$/),
  });
});

test.each([
  [
    'tracker',
    { type: 'OAUTH2', client_id: 'id' },
    ['type'],
    "expected 'API_KEY', which provider 'tracker' signs in by",
  ],
  ['oauth-tracker', { type: 'API_KEY', client_id: 'id' }, ['type'], "expected 'OAUTH2'"],
  ['oauth-tracker', { type: 2 }, ['type'], "expected 'OAUTH2'"],
  ['oauth-tracker', { type: 'OAUTH2', client_secret: { s3cret: true } }, ['client_secret'], 'expected a text'],
  ['oauth-tracker', { scopes: ['read', 7] }, ['scopes'], 'expected a text or a list'],
  ['app-tracker', { private_key: 7 }, ['private_key'], 'expected a text'],
])('an integration of %s takes no credentials like %j, made or changed', async (provider, credentials, path, words) => {
  const unique_key = `typed-${provider}`;
  const refusals = [await api.call('POST', '/integrations', { body: { provider, unique_key, credentials } })];
  expect((await api.call('GET', `/integrations/${unique_key}`)).status).toBe(404);
  const kept = { app_id: 'kept' };
  await api.call('POST', '/integrations', { body: { provider, unique_key, credentials: kept } });
  refusals.push(await api.call('PATCH', `/integrations/${unique_key}`, { body: { display_name: 'New', credentials } }));
  for (const { status, body, text } of refusals) {
    expect([status, body.error.code]).toEqual([400, 'invalid_body']);
    expect(body.error.errors).toMatchObject([{ path: ['credentials', ...path] }]);
    expect(body.error.message).toContain(words);
    expect(text).not.toContain('s3cret');
  }
  const { body } = await api.call('GET', `/integrations/${unique_key}?include=credentials`);
  expect(body.data).toMatchObject({ display_name: unique_key, credentials: kept });
  await api.call('DELETE', `/integrations/${unique_key}`);
});

test('credentials are shown with the mode of the provider, also those that were stored with another', async () => {
  const stored = api.box.seal(JSON.stringify({ type: 'API_KEY', client_id: 'id' }));
  await api.call('POST', '/integrations', { body: { provider: 'oauth-tracker', unique_key: 'older' } });
  await api.db.query("update integrations set credentials = $1 where unique_key = 'older'", [stored]);
  const { credentials } = (await api.call('GET', '/integrations/older?include=credentials')).body.data;
  expect(credentials).toEqual({ type: 'OAUTH2', client_id: 'id' });
  expect((await api.call('PATCH', '/integrations/older', { body: { credentials } })).status).toBe(200);
});

test('what an app is known by is kept as text, and other names as they are', async () => {
  const credentials = { type: 'APP', app_id: 12, app_link: 'https://x.example', scopes: ['a', 'b'], other: { n: 1 } };
  await api.call('POST', '/integrations', { body: { provider: 'app-tracker', unique_key: 'app', credentials } });
  const { body } = await api.call('GET', '/integrations/app?include=credentials');
  expect(body.data.credentials).toEqual({ ...credentials, app_id: '12', scopes: 'a,b' });
});

test.each([
  [undefined, "'integration_config.appId': is missing: expected Id of the app, such as 'app-1'"],
  [{ appId: 'other' }, "'integration_config.appId': expected Id of the app, such as 'app-1'"],
])('an integration with the integration_config %j is refused at what its provider asks for', async (given, words) => {
  const body = { provider: 'configured-tracker', unique_key: 'configured', integration_config: given };
  const refused = await api.call('POST', '/integrations', { body });
  expect([refused.status, refused.body.error.code]).toEqual([400, 'invalid_body']);
  expect(refused.body.error.message).toContain(words);
  expect((await api.call('GET', '/integrations/configured')).status).toBe(404);
  const good = { ...body, integration_config: { appId: 'app-7' } };
  expect((await api.call('POST', '/integrations', { body: good })).status).toBe(201);
  await api.call('DELETE', '/integrations/configured');
});

test('/config makes, changes, lists and deletes integrations, as clients of 2023 do', async () => {
  const named = { provider: 'oauth-tracker', provider_config_key: 'former' };
  const app = { oauth_client_id: 'id', oauth_client_secret: 'pl4in', oauth_scopes: 'read,write' };
  const made = await api.call('POST', '/config', { body: { ...named, ...app } });
  expect(made).toMatchObject({ status: 200, body: { config: { unique_key: 'former', provider: 'oauth-tracker' } } });
  const credentials = async () =>
    (await api.call('GET', '/integrations/former?include=credentials')).body.data.credentials;
  expect(await credentials()).toEqual({
    ...{ type: 'OAUTH2', client_id: 'id', client_secret: 'pl4in', scopes: 'read,write' },
  });
  await api.call('PUT', '/config', { body: { ...named, ...app, oauth_client_id: 'other' } });
  expect(await credentials()).toMatchObject({ client_id: 'other' });
  const listed = await api.call('GET', '/config');
  expect(listed.body.configs).toContainEqual(expect.objectContaining({ unique_key: 'former' }));
  expect(listed.text).not.toContain('pl4in');
  for (const wrong of [
    { ...named, provider: 'tracker' },
    { ...named, oauth_client_id: 7 },
    { ...named, other: 1 },
  ]) {
    const { status, body } = await api.call('PUT', '/config', { body: wrong });
    expect([status, body.error.code]).toEqual([400, 'invalid_body']);
  }
  expect(await credentials()).toMatchObject({ client_id: 'other' });
  expect((await api.call('DELETE', '/config/former')).status).toBe(204);
  expect((await api.call('GET', '/config/former')).status).toBe(404);
});

test('an unknown provider is refused naming what comes close', async () => {
  const { status, body } = await api.call('POST', '/integrations', { body: { provider: 'trackr', unique_key: 'x' } });
  expect([status, body.error.code]).toEqual([400, 'unknown_provider']);
  expect(body.error.message).toContain("'tracker'");
});

test('a taken key is a conflict, also for two requests at once', async () => {
  const create = () => api.call('POST', '/integrations', { body: { provider: 'tracker', unique_key: 'taken' } });
  const statuses = (await Promise.all([create(), create(), create()])).map(({ status }) => status);
  expect(statuses.sort()).toEqual([201, 409, 409]);
});

test('an integration is changed in part, its credentials stay', async () => {
  const credentials = { client_id: 'id', client_secret: 's' };
  await api.call('POST', '/integrations', { body: { provider: 'oauth-tracker', unique_key: 'part', credentials } });
  const body = { display_name: 'Changed', forward_webhooks: false, custom: { team: 'x' } };
  const changed = await api.call('PATCH', '/integrations/part', { body });
  expect(changed).toMatchObject({ status: 200, body: { data: { unique_key: 'part', ...body } } });
  const { data } = (await api.call('GET', '/integrations/part?include=credentials')).body;
  expect(data).toMatchObject({ ...body, credentials });
});

test('the key of an integration is changed while nobody is connected, and never to one that is taken', async () => {
  await createTracker(api, 'former-key', []);
  await createTracker(api, 'neighbour', []);
  const rename = (from: string, to: string) => api.call('PATCH', `/integrations/${from}`, { body: { unique_key: to } });
  const statusOf = async (key: string) => (await api.call('GET', `/integrations/${key}`)).status;
  expect((await rename('former-key', 'neighbour')).body.error).toMatchObject({ code: 'conflict' });
  expect((await rename('former-key', 'later-key')).body.data).toMatchObject({ unique_key: 'later-key' });
  expect([await statusOf('former-key'), await statusOf('later-key')]).toEqual([404, 200]);
  await api.call('POST', '/connections', {
    body: { provider_config_key: 'later-key', connection_id: 'c', credentials: { apiKey: 'k' } },
  });
  const refused = await rename('later-key', 'last-key');
  expect([refused.status, refused.body.error.code]).toEqual([409, 'conflict']);
  expect(refused.body.error.message).toContain('has connections');
  expect((await rename('later-key', 'later-key')).status).toBe(200);
});

test('another environment does not see it', async () => {
  await createTracker(api, 'mine', []);
  expect((await api.call('GET', '/integrations/mine', { key: api.otherKey })).status).toBe(404);
  expect((await api.call('DELETE', '/integrations/mine', { key: api.otherKey })).status).toBe(404);
  expect((await api.call('GET', '/integrations/mine')).status).toBe(200);
});

test.each(['a b', 'a:b', '~@._-'])('the key %j finds its integration', async (key) => {
  await createTracker(api, key, []);
  expect((await api.call('GET', `/integrations/${encodeURIComponent(key)}`)).body.data.unique_key).toBe(key);
});

test.each(['', 'a/b', 'a%b', 'ä', 'x'.repeat(256)])('the key %j is refused', async (key) => {
  const { status, body } = await api.call('POST', '/integrations', { body: { provider: 'tracker', unique_key: key } });
  expect([status, body.error.code]).toEqual([400, 'invalid_body']);
});

test('an unknown integration is named', async () => {
  for (const method of ['GET', 'DELETE']) {
    const { status, body } = await api.call(method, '/integrations/nobody');
    expect([status, body.error.code]).toEqual([404, 'unknown_provider_config']);
    expect(body.error.message).toContain("'nobody'");
  }
});

test('deleting tells Temporal afterwards', async () => {
  await createTracker(api, 'going', []);
  await api.call('DELETE', '/integrations/going');
  expect(api.engine.calls).toEqual([['reconcile', undefined]]);
});

test('providers are listed, searched and shown', async () => {
  const names = async (path: string) =>
    (await api.call('GET', path)).body.data.map((provider: { name: string }) => provider.name);
  expect(await names('/providers')).toEqual(expect.arrayContaining(['tracker', 'slack']));
  expect(await names('/providers?search=TASK%20TRACK')).toEqual(['signing-tracker', 'tracker']);
  expect((await api.call('GET', '/providers/tracker')).body.data).toMatchObject({
    name: 'tracker',
    auth_mode: 'API_KEY',
  });
  const unknown = await api.call('GET', '/providers/trackr');
  expect([unknown.status, unknown.body.error.code]).toEqual([404, 'not_found']);
  expect(unknown.body.error.message).toContain("'tracker'");
});
