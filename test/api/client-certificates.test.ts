/** Providers that want token requests and calls under a TLS certificate of the client, against servers that insist on it. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';

const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
const api = useApi();
const CLIENT = { client_id: 'id', client_secret: 'a-secret-of-the-client' };
const CERTIFICATE = { client_certificate: pem('client'), client_private_key: pem('client.key') };

type Server = { readonly url: () => string; readonly asked: string[]; readonly server: https.Server };

/** Notes each path with the name on the certificate that it was asked under. */
function openServer(
  insists: boolean,
  answer: (request: IncomingMessage) => [number, Record<string, string>, unknown],
): Server {
  const asked: string[] = [];
  const server = https.createServer(
    {
      key: pem('server.key'),
      cert: pem('server'),
      ca: pem('authority'),
      requestCert: true,
      rejectUnauthorized: insists,
    },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      asked.push(`${request.url} ${subject?.CN ?? 'nobody'}`);
      const [status, headers, json] = answer(request);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(json));
    },
  );
  return { asked, server, url: () => `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const TOKEN = { access_token: 't1', token_type: 'bearer', expires_in: 3_600 };
const elsewhere = openServer(false, ({ url }) => [200, {}, url === '/token' ? TOKEN : {}]);
const provider = openServer(true, ({ url, headers }) => {
  if (url === '/token') return [200, {}, TOKEN];
  if (url === '/away') return [302, { location: `${elsewhere.url()}/there` }, {}];
  return [headers.authorization === 'Bearer t1' ? 200 : 401, {}, {}];
});

const trusted = tls.getCACertificates('default');
beforeAll(async () => {
  tls.setDefaultCACertificates([...trusted, pem('authority')]);
  for (const { server } of [provider, elsewhere]) await once(server.listen(0, '127.0.0.1'), 'listening');
  for (const name of ['certificate-server', 'certificate-keys', 'open-tracker'])
    await api.call('POST', '/integrations', { body: { unique_key: name, provider: name } });
});
afterAll(() => {
  for (const { server } of [provider, elsewhere]) server.close().closeAllConnections();
  tls.setDefaultCACertificates(trusted);
});

/** Signs in as a person does on the connect page. */
async function signIn(credentials: Record<string, unknown>, server = provider) {
  const session = await api.call('POST', '/connect/sessions', { body: { tags: { end_user_id: 'u' } } });
  const path = `/oauth2/auth/certificate-server?params[server]=${encodeURIComponent(server.url())}`;
  return api.call('POST', path, { body: { ...CLIENT, ...credentials }, key: session.body.data.token });
}
const proxied = (path: string, connection: string) =>
  api.call('GET', `/proxy${path}`, {
    headers: { 'provider-config-key': 'certificate-server', 'connection-id': connection },
  });

test.each([
  ['as it was issued', (text: string) => text],
  ['in one line, as a form leaves it', (text: string) => text.replaceAll('\n', ' ')],
  ['with its line breaks spelt', (text: string) => text.replaceAll('\n', '\\n')],
])('the token is asked for, and calls are made, under a certificate that was given %s', async (_, as) => {
  provider.asked.length = 0;
  const { client_certificate, client_private_key } = CERTIFICATE;
  const { status, body } = await signIn({
    client_certificate: as(client_certificate),
    client_private_key: as(client_private_key),
  });
  expect(status).toBe(200);
  expect((await proxied('/me', body.connectionId)).status).toBe(200);
  expect(provider.asked).toEqual(['/token client', '/me client']);
});

test('a redirect to another host is followed without it', async () => {
  const { body } = await signIn(CERTIFICATE);
  expect((await proxied('/away', body.connectionId)).status).toBe(200);
  expect(elsewhere.asked).toEqual(['/there nobody']);
});

test('a call of another connection to the same host does not go over a kept connection that has shown it', async () => {
  elsewhere.asked.length = 0;
  const { body } = await signIn(CERTIFICATE, elsewhere);
  const headers = { 'provider-config-key': 'open-tracker', 'connection-id': 'open' };
  await api.call('POST', '/connections', {
    body: {
      provider_config_key: 'open-tracker',
      connection_id: 'open',
      connection_config: { baseUrl: elsewhere.url() },
    },
  });
  await proxied('/mine', body.connectionId);
  await api.call('GET', '/proxy/open', { headers });
  await proxied('/mine', body.connectionId);
  expect(elsewhere.asked).toEqual(['/token client', '/mine client', '/open nobody', '/mine client']);
});

test.each([
  ['none', {}, ['client_certificate', 'client_private_key']],
  ['no certificate but words', { ...CERTIFICATE, client_certificate: 'words' }, ['client_certificate']],
  ['the key of another', { ...CERTIFICATE, client_private_key: pem('other.key') }, ['client_private_key']],
  ['a certificate in place of the key', { ...CERTIFICATE, client_private_key: pem('client') }, ['client_private_key']],
])('credentials with %s make no connection, and no part of a key is told', async (_, credentials, fields) => {
  provider.asked.length = 0;
  const { status, body, text } = await signIn(credentials);
  expect([status, body.error.code]).toEqual([400, 'invalid_body']);
  expect(body.error.errors.map(({ path }: { path: string[] }) => path)).toEqual(
    fields.map((one) => ['credentials', one]),
  );
  expect(provider.asked).toEqual([]);
  const told = text + JSON.stringify(api.events);
  for (const name of ['client.key', 'other.key']) expect(told).not.toContain(pem(name).split('\n')[1]);
});

test('a mode whose credentials have no place for one is refused by name', async () => {
  const { status, body } = await api.call('POST', '/connections', {
    body: {
      provider_config_key: 'certificate-keys',
      credentials: { apiKey: 'k' },
      connection_config: { server: provider.url() },
    },
  });
  expect(status).toBe(400);
  expect(body.error.message).toContain('TLS certificate');
});

test('the connect page asks for both', async () => {
  const session = await api.call('POST', '/connect/sessions', { body: { tags: { end_user_id: 'u' } } });
  const { text } = await api.call('GET', '/connect/integrations', { key: session.body.data.token });
  expect(text).toContain('client_certificate');
  expect(text).toContain('client_private_key');
});
