// biome-ignore-all lint/suspicious/noTemplateCurlyInString: provider files write their values so
import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import type { RequestConfig } from '../../contract/host.ts';
import { connection, openOutbound, useOutbound } from '../support/outbound.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const other = useUpstream();
const outbound = useOutbound(() => ({
  auth_mode: 'OAUTH2',
  proxy: { base_url: upstream.url, headers: { 'x-api-key': '${credentials.key}' } },
}));
const signal = new AbortController().signal;
const credentials = { access_token: 't', key: 'k' };
const call = (config: Partial<RequestConfig> = {}) =>
  outbound.request(connection(credentials), { endpoint: '/x', method: 'GET', ...config }, { signal });
const redirect = (location: string, status = 302) => upstream.answerWith({ status, headers: { location } });

test('a redirect on the same host keeps credentials', async () => {
  redirect('/y?a=1');
  expect((await call()).head.status).toBe(200);
  expect(upstream.requests[1]).toMatchObject({
    url: '/y?a=1',
    headers: { authorization: 'Bearer t', 'x-api-key': 'k' },
  });
});

test('a redirect to another host loses every credential', async () => {
  redirect(`${other.url}/y`);
  await call({ headers: { cookie: 'c=1', 'x-own-secret': 's', accept: 'text/csv' } });
  const { headers } = other.requests[0] ?? { headers: {} };
  expect(Object.keys(headers).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent']);
  expect(headers).toMatchObject({ accept: 'text/csv', host: `127.0.0.1:${other.port}` });
});

test('forwardHeadersOnRedirect keeps them on purpose', async () => {
  redirect(`${other.url}/y`);
  await call({ forwardHeadersOnRedirect: true });
  expect(other.requests[0]?.headers).toMatchObject({ authorization: 'Bearer t', 'x-api-key': 'k' });
});

test.each([
  [301, 'POST', 'GET', ''],
  [302, 'POST', 'GET', ''],
  [303, 'PUT', 'GET', ''],
  [302, 'PUT', 'PUT', '{"a":1}'],
  [307, 'POST', 'POST', '{"a":1}'],
  [308, 'PATCH', 'PATCH', '{"a":1}'],
] as const)('a %i after a %s is followed by a %s', async (status, method, next, body) => {
  redirect('/y', status);
  await call({ method, data: { a: 1 } });
  expect(upstream.requests[1]).toMatchObject({ method: next, body: Buffer.from(body) });
  expect('content-type' in (upstream.requests[1]?.headers ?? {})).toBe(body !== '');
});

test('five redirects are followed', async () => {
  for (let hop = 0; hop < 5; hop += 1) redirect('/y');
  expect((await call()).head.status).toBe(200);
});

test('a sixth redirect is refused and not tried again', async () => {
  upstream.handleWith(() => ({ status: 302, headers: { location: '/y' } }));
  const refused = { code: 'upstream_refused', message: expect.stringContaining('more than 5') };
  await expect(call({ retries: 3 })).rejects.toMatchObject(refused);
  expect(upstream.requests).toHaveLength(6);
});

test.each([
  'http://169.254.169.254/latest',
  'http://[::1]/',
  'http://2130706434/',
  'ftp://example.com/',
  'http://u:p@127.0.0.1/',
])('a redirect to %s is refused', async (location) => {
  redirect(location);
  await expect(call()).rejects.toMatchObject({ code: 'upstream_refused' });
});

test('a redirect to a name that resolves to a private address is refused (U095)', async () => {
  const allow = [`127.0.0.1:${upstream.port}`];
  const guarded = openOutbound(() => ({ proxy: { base_url: upstream.url } }), { allow });
  redirect(`http://localhost:${other.port}/`);
  const refused = guarded.request(connection(), { endpoint: '/', method: 'GET' }, { signal });
  await expect(refused).rejects.toMatchObject({ code: 'upstream_refused' });
  expect([upstream.requests.length, other.connections]).toEqual([1, 0]);
  guarded.close();
});

test('a redirect without a usable location is the answer', async () => {
  redirect('http://[');
  expect((await call()).head.status).toBe(302);
});

test('a streamed body cannot be sent again, so the proxy hands the redirect over', async () => {
  redirect('/y', 307);
  const stream = { method: 'POST', path: '/x', headers: {}, body: Readable.from([Buffer.from('a')]) };
  const { head, body } = await outbound.stream(connection(credentials), stream, signal);
  body.resume();
  expect(head).toMatchObject({ status: 307, headers: { location: '/y' } });
});
