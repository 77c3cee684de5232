/** Mode MCP_OAUTH2_GENERIC: of the server nothing is known but its address, which the person gives. */
import { expect, test } from '@jest/globals';
import { CLIENT } from '../../bench/upstream/authorization-server.ts';
import { useApi } from '../support/api.ts';
import { useAuthorizationServer } from '../support/authorization-server.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const server = useAuthorizationServer();
const upstream = useUpstream();
const KEY = 'mcp-anywhere';

async function depart(address: string, params: Record<string, string> = {}) {
  await api.call('POST', '/integrations', { body: { unique_key: KEY, provider: KEY } });
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const search = new URLSearchParams({ connect_session_token: session.body.data.token });
  for (const [name, value] of Object.entries({ mcp_server_url: address, ...params }))
    search.set(`params[${name}]`, value);
  return api.call('GET', `/oauth/connect/${KEY}?${search}`, { key: null });
}

test('the server says where to sign in, the connection is registered there, and its tokens are for that server', async () => {
  const resource = `${server.url}/mcp`;
  const left = await depart(resource, { token_url: 'http://127.0.0.1:1/theirs' });
  const away = new URL(left.headers.get('location') ?? '');
  expect([away.origin + away.pathname, away.searchParams.get('resource')]).toEqual([
    `${server.url}/authorize`,
    resource,
  ]);
  const callback = new URL((await fetch(away, { redirect: 'manual' })).headers.get('location') ?? '');
  const { body } = await api.call('GET', callback.pathname + callback.search, { key: null });
  const path = `/connections/${body.connectionId}?provider_config_key=${KEY}&force_refresh=true`;
  const connection = (await api.call('GET', path)).body;
  expect(connection.credentials).toMatchObject({
    client_id: CLIENT.id,
    access_token: expect.stringMatching(/^access-/),
  });
  expect(connection.connection_config).toEqual({
    mcp_server_url: resource,
    authorization_url: `${server.url}/authorize`,
    token_url: `${server.url}/token`,
    registration_url: `${server.url}/register`,
  });
  expect(server.registrations).toHaveLength(1);
  expect(server.tokenCalls.map(({ grantType, params }) => [grantType, params.get('resource')])).toEqual([
    ['authorization_code', resource],
    ['refresh_token', resource],
  ]);
  const headers = { 'provider-config-key': KEY, 'connection-id': body.connectionId };
  expect((await api.call('GET', '/proxy/tools', { headers })).body).toEqual({ ok: true });
});

test.each<[string, () => string]>([
  ['that says nothing of itself', () => `${upstream.url}/mcp`],
  ['whose authorization server says it is another one', () => `${server.url}/mcp`],
])('a server %s is named, and nobody leaves', async (_, address) => {
  server.issuer = 'https://another.example';
  upstream.handleWith(() => ({ status: 404, json: {} }));
  const left = await depart(address());
  expect([left.status, left.body.error.code]).toEqual([424, 'token_endpoint_failed']);
  expect(left.body.error.message).toContain('does not say where people sign in');
  expect(server.registrations).toEqual([]);
});

test('a server that the address policy forbids is not asked', async () => {
  const left = await depart('http://169.254.169.254/mcp');
  expect([left.status, left.body.error.code]).toEqual([400, 'upstream_refused']);
});
