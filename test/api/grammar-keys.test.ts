/** What those keys of a provider's entry do that only a whole flow shows. */
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { createOauthIntegration, useAuthorizationServer } from '../support/authorization-server.ts';
import type { OF_THE_API } from '../support/grammar-keys.ts';

const api = useApi();
const server = useAuthorizationServer();

/** Leaves for the provider as a person under a new session. */
async function depart(key: string) {
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const search = new URLSearchParams({ connect_session_token: session.body.data.token, 'params[server]': server.url });
  return api.call('GET', `/oauth/connect/${key}?${search}`, { key: null });
}

const configOf = async (key: string, id: string) =>
  (await api.call('GET', `/connections/${id}?provider_config_key=${key}`)).body.connection_config;

const SHOWN: Readonly<Record<(typeof OF_THE_API)[number], () => Promise<void>>> = {
  redirect_uri_metadata: async () => {
    await createOauthIntegration(api, 'realm', 'oauth-server-realm');
    const back = await fetch((await depart('realm')).headers.get('location') ?? '', { redirect: 'manual' });
    const callback = new URL(back.headers.get('location') ?? '');
    const { body } = await api.call('GET', `${callback.pathname}${callback.search}&realm=7&other=8`, { key: null });
    expect(await configOf('realm', body.connectionId)).toEqual({ server: server.url, realm: '7' });
  },
  webhook_response_metadata: async () => {
    await api.call('POST', '/integrations', { body: { unique_key: 'telling', provider: 'telling-tracker' } });
    const own = { provider_config_key: 'telling', connection_id: 'c1', credentials: { username: 'x' } };
    await api.call('POST', '/connections', { body: { ...own, connection_config: { baseUrl: 'http://ours' } } });
    const { body } = await api.call('GET', '/integrations/telling?include=webhook');
    const { pathname, search } = new URL(body.data.webhook_url);
    const told = { connectionId: 'c1', account: { id: '42' }, baseUrl: 'http://theirs' };
    const headers = { 'content-type': 'application/json' };
    await api.call('POST', `${pathname}${search}?any=query`, { key: null, raw: JSON.stringify(told), headers });
    // What a connection has is not theirs to change.
    expect(await configOf('telling', 'c1')).toEqual({ baseUrl: 'http://ours', 'account.id': '42' });
  },
  client_registration: async () => {
    await api.call('POST', '/integrations', { body: { unique_key: 'mcp', provider: 'mcp-server' } });
    expect((await depart('mcp')).status).toBe(302);
    expect(server.registrations).toHaveLength(1);
  },
};

test.each(Object.entries(SHOWN))('%s acts', async (_, show) => {
  await show();
});
