import { afterEach, beforeEach, expect, test } from '@jest/globals';
import Nango, { AuthError } from '@nangohq/frontend';
import { useApi } from '../support/api.ts';
import { createOauthIntegration, useAuthorizationServer } from '../support/authorization-server.ts';

const api = useApi();
const server = useAuthorizationServer();

// What the package needs of a browser: a window that opens, goes where it is sent, and follows redirects.
type Popup = { closed: boolean; close: () => void; location: string };
let visits: Promise<Response>[] = [];

function openWindow(): Popup {
  return {
    closed: false,
    close() {
      this.closed = true;
    },
    set location(address: string) {
      visits.push(fetch(address, { headers: { accept: 'text/html' } }));
    },
  };
}

beforeEach(() => {
  visits = [];
  Object.assign(globalThis, { window: { open: openWindow, screen: { width: 1_280, height: 800 } } });
});
afterEach(async () => {
  Reflect.deleteProperty(globalThis, 'window');
  for (const visit of visits) await (await visit).text();
});

async function frontend(): Promise<Nango> {
  const answer = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'ada' } } });
  return new Nango({ host: api.url, connectSessionToken: answer.body.data.token });
}

test('the frontend package signs a person in through its popup and hears of the connection', async () => {
  await createOauthIntegration(api, 'popup');
  const nango = await frontend();
  const signedIn = await nango.auth('popup', { params: { server: server.url } });
  expect(signedIn).toMatchObject({ providerConfigKey: 'popup', isPending: false });
  const connection = await api.call('GET', `/connections/${signedIn.connectionId}?provider_config_key=popup`);
  expect(connection.body).toMatchObject({ end_user: { id: 'ada' }, credentials: { type: 'OAUTH2' } });
});

test("the frontend package hears the provider's own words when it refuses", async () => {
  await createOauthIntegration(api, 'refusing');
  const nango = await frontend();
  const options = { params: { server: server.url }, authorization_params: { login_hint: 'refuse' } };
  const failure = await nango.auth('refusing', options).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(AuthError);
  expect(failure).toMatchObject({
    type: 'authorization_denied',
    message: expect.stringContaining('The owner said <no>'),
  });
  expect((await api.call('GET', '/connections?integrationId=refusing')).body.connections).toEqual([]);
});

test('the frontend package hears what is missing before the popup has left', async () => {
  await createOauthIntegration(api, 'lacking');
  const failure = await (await frontend()).auth('lacking').catch((error: unknown) => error);
  expect(failure).toMatchObject({
    type: 'invalid_body',
    message: expect.stringContaining('https://login.acme.example'),
  });
});

test('the frontend package connects with an API key and without credentials', async () => {
  await api.call('POST', '/integrations', { body: { unique_key: 'typed', provider: 'tracker' } });
  await api.call('POST', '/integrations', { body: { unique_key: 'open', provider: 'open-tracker' } });
  const nango = await frontend();
  const typed = await nango.auth('typed', { credentials: { apiKey: 'k-1' }, params: { baseUrl: server.url } });
  const open = await nango.create('open', { params: { baseUrl: server.url } });
  expect([typed.providerConfigKey, open.providerConfigKey]).toEqual(['typed', 'open']);
});

test('a page of any origin may ask first and then call', async () => {
  const headers = {
    origin: 'https://shop.example',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type',
  };
  const asked = await api.call('OPTIONS', '/api-auth/api-key/typed', { headers, key: null });
  expect([asked.status, asked.headers.get('access-control-allow-headers')]).toEqual([
    204,
    'authorization,content-type',
  ]);
  const called = await api.call('GET', '/connect/session', { headers: { origin: 'https://shop.example' }, key: null });
  expect([called.status, called.headers.get('access-control-allow-origin')]).toEqual([401, '*']);
});

test('an upgrade to another path is refused', async () => {
  const line = new WebSocket(`${api.url.replace('http', 'ws')}/other`);
  await new Promise((resolve) => line.addEventListener('error', resolve));
  expect(line.readyState).toBe(WebSocket.CLOSED);
});
