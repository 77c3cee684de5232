import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import Provider from 'oidc-provider';
import { useApi } from '../support/api.ts';

const api = useApi();
const SCOPES = 'openid offline_access';
let server: http.Server;
let issuer = '';

// A certified OAuth 2 server of somebody else's making, with its own development pages for signing in.
beforeAll(async () => {
  // It says on each start that its defaults are for development only.
  jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'c1',
        client_secret: 's1',
        redirect_uris: [`${api.url}/oauth/callback`],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    scopes: ['openid', 'offline_access'],
    cookies: { keys: ['k'] },
    ttl: { AccessToken: 3600, RefreshToken: 86_400, Session: 3600, Grant: 86_400, Interaction: 3600, IdToken: 3600 },
  });
  server.on('request', provider.callback());
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test("README's five steps at a certified server: a person signs in, calls work, the token is refreshed with rotation", async () => {
  const credentials = { client_id: 'c1', client_secret: 's1', scopes: SCOPES };
  await api.call('POST', '/integrations', { body: { unique_key: 'oidc', provider: 'oidc-server', credentials } });
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const search = new URLSearchParams({ connect_session_token: session.body.data.token, 'params[server]': issuer });
  const left = await api.call('GET', `/oauth/connect/oidc?${search}`, { key: null });
  const callback = await browse(left.headers.get('location') ?? '');
  const answer = await api.call('GET', callback.pathname + callback.search, { key: null });
  expect(answer).toMatchObject({ status: 200, body: { providerConfigKey: 'oidc' } });
  const headers = { 'provider-config-key': 'oidc', 'connection-id': answer.body.connectionId };
  expect((await api.call('GET', '/proxy/me', { headers })).body).toMatchObject({ sub: 'ada' });
  const path = `/connections/${answer.body.connectionId}?provider_config_key=oidc&refresh_token=true`;
  const first = (await api.call('GET', path)).body.credentials;
  const second = (await api.call('GET', `${path}&force_refresh=true`)).body.credentials;
  expect(first).toMatchObject({ access_token: expect.any(String), refresh_token: expect.any(String) });
  expect(second.access_token).not.toBe(first.access_token);
  expect(second.refresh_token).not.toBe(first.refresh_token);
});

/** Follows redirects and sends the sign-in and consent forms, as a person would, until the way leads back to us. */
async function browse(start: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let next = new URL(start);
  let form: URLSearchParams | undefined;
  for (let steps = 0; steps < 20; steps += 1) {
    if (!next.href.startsWith(issuer)) return next;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(next, {
      redirect: 'manual',
      headers: { cookie },
      ...(form !== undefined && { method: 'POST', body: form }),
    });
    for (const set of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (set.split(';')[0] ?? '').split(/=(.*)/s);
      cookies.set(name, value);
    }
    const text = await response.text();
    const location = response.headers.get('location');
    const action = /action="([^"]+)"/.exec(text)?.[1];
    const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1];
    form =
      location === null && prompt !== undefined
        ? new URLSearchParams({ prompt, login: 'ada', password: 'x' })
        : undefined;
    if (location === null && form === undefined)
      throw new Error(`The way ends at ${next.pathname}: ${text.slice(0, 500)}`);
    next = new URL(location ?? action ?? '', next);
  }
  throw new Error('The way does not end');
}
