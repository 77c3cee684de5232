import { expect, test } from '@jest/globals';
import { CLIENT } from '../../bench/upstream/authorization-server.ts';
import { useApi } from '../support/api.ts';
import { useAuthorizationServer } from '../support/authorization-server.ts';

const api = useApi();
const server = useAuthorizationServer();

/** Where the popup leads first. */
async function depart(provider: string, credentials?: Record<string, unknown>) {
  await api.call('POST', '/integrations', { body: { unique_key: provider, provider, credentials } });
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const search = new URLSearchParams({ connect_session_token: session.body.data.token, 'params[server]': server.url });
  return api.call('GET', `/oauth/connect/${provider}?${search}`, { key: null });
}

async function signIn(provider: string) {
  const left = await depart(provider);
  const back = await fetch(left.headers.get('location') ?? '', { redirect: 'manual' });
  const callback = new URL(back.headers.get('location') ?? '');
  return api.call('GET', callback.pathname + callback.search, { key: null });
}

const credentialsOf = async (key: string, id: string, query = '') =>
  (await api.call('GET', `/connections/${id}?provider_config_key=${key}${query}`)).body.credentials;

test('MCP_OAUTH2, dynamic: the connection gets a client of its own, and refreshes as that one', async () => {
  const { body } = await signIn('mcp-server');
  expect(server.registrations).toEqual([
    {
      client_name: 'nango-temporal',
      client_uri: 'https://acme.example',
      redirect_uris: [`${api.url}/oauth/callback`],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ]);
  const first = await credentialsOf('mcp-server', body.connectionId);
  expect(first).toMatchObject({ client_id: CLIENT.id, access_token: expect.stringMatching(/^access-/) });
  const second = await credentialsOf('mcp-server', body.connectionId, '&force_refresh=true');
  expect(second.access_token).not.toBe(first.access_token);
  expect(server.registrations).toHaveLength(1);
  const headers = { 'provider-config-key': 'mcp-server', 'connection-id': body.connectionId };
  expect((await api.call('GET', '/proxy/me', { headers })).body).toEqual({ ok: true });
});

test('MCP_OAUTH2, cimd: the server reads of us at the address that is our client id', async () => {
  const { body } = await signIn('mcp-by-document');
  const { client_id: clientId, ...rest } = await credentialsOf('mcp-by-document', body.connectionId);
  expect(clientId).toMatch(`${api.url}/oauth/client-metadata/`);
  expect(rest).not.toHaveProperty('client_secret');
  expect(await (await fetch(clientId)).json()).toMatchObject({
    client_id: clientId,
    token_endpoint_auth_method: 'none',
  });
  expect((await fetch(`${clientId}-other`)).status).toBe(404);
  const renewed = await credentialsOf('mcp-by-document', body.connectionId, '&force_refresh=true');
  expect(renewed.access_token).not.toBe(rest.access_token);
});

test('a client that the integration brings is used, and none is registered', async () => {
  await api.call('DELETE', '/integrations/mcp-server');
  const left = await depart('mcp-server', { client_id: 'theirs', client_secret: 's' });
  expect(new URL(left.headers.get('location') ?? '').searchParams.get('client_id')).toBe('theirs');
  expect(server.registrations).toEqual([]);
});

test('a server that registers nobody is named, and nobody leaves', async () => {
  await api.call('DELETE', '/integrations/mcp-server');
  server.refusesRegistrations = true;
  const left = await depart('mcp-server');
  expect([left.status, left.body.error.code]).toEqual([400, 'grant_refused']);
  expect(left.body.error.message).toContain('The registration endpoint at');
  expect(left.body.error.message).toContain('invalid_client_metadata');
});

test('MCP_OAUTH2: a grant is imported with the client it was made for', async () => {
  await api.call('DELETE', '/integrations/mcp-server');
  await api.call('POST', '/integrations', { body: { unique_key: 'mcp-server', provider: 'mcp-server' } });
  const credentials = { client_id: CLIENT.id, client_secret: CLIENT.secret, ...server.grant() };
  const made = await api.call('POST', '/connections', {
    body: { provider_config_key: 'mcp-server', credentials, connection_config: { server: server.url } },
  });
  expect(made.status).toBe(201);
  const renewed = await credentialsOf('mcp-server', made.body.connection_id, '&force_refresh=true');
  expect(renewed.access_token).not.toBe(credentials.access_token);
});
