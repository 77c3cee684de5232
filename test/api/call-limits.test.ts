import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';

const operator = { username: 'ada', password: 'lovelace' };
const api = useApi(
  { failuresPerMinute: 5, callsPerMinute: 40, trustedProxies: 1, bodyBytes: 20_000_000 },
  { dashboard: { folder: '/nowhere', operator, isOpen: () => true } },
);
const from = (address: string) => ({ 'x-forwarded-for': address });

test('an address that guesses keys is refused; other addresses are not', async () => {
  const guess = (address: string) => api.call('GET', '/runs', { key: randomUUID(), headers: from(address) });
  for (let tries = 0; tries < 5; tries += 1) expect((await guess('203.0.113.1')).status).toBe(401);
  const refused = await guess('203.0.113.1');
  expect(refused).toMatchObject({ status: 429, body: { error: { code: 'too_many_requests' } } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
  expect((await guess('203.0.113.2')).status).toBe(401);
});

test('all addresses of one IPv6 network are one that guesses, and the next network is another', async () => {
  const guess = async (address: string) =>
    (await api.call('GET', '/runs', { key: randomUUID(), headers: from(address) })).status;
  const network = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::1', '2001:0DB8:1:2:3:4:5:6', '2001:db8:1:2::7:1.2.3.4'];
  for (const address of [...network, '2001:db8:1:2::9']) expect(await guess(address)).toBe(401);
  expect(await guess('2001:db8:1:2:a:b:c:d')).toBe(429);
  expect(await guess('2001:db8:1:3::1')).toBe(401);
  for (let tries = 0; tries < 5; tries += 1)
    expect(await guess(tries % 2 ? '203.0.113.9' : '::ffff:203.0.113.9')).toBe(401);
  expect(await guess('::ffff:203.0.113.9')).toBe(429);
  expect(await guess('::ffff:203.0.113.10')).toBe(401);
});

test('whoever has a good key or session is let in from the address of those who guess, at any time', async () => {
  const { body } = await api.call('POST', '/environment/api-keys', { body: { display_name: 'behind NAT' } });
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const headers = from('203.0.113.5');
  const ask = (key: string) => api.call('GET', '/runs', { key, headers });
  for (let tries = 0; tries < 5; tries += 1) expect((await ask(randomUUID())).status).toBe(401);
  const flood = Array.from({ length: 300 }, () => ask(randomUUID()));
  // Neither has been seen by this process before.
  expect((await ask(body.data.secret)).status).toBe(200);
  const token = session.body.data.token;
  expect((await api.call('GET', '/connect/session', { key: token, headers })).status).toBe(200);
  expect(new Set((await Promise.all(flood)).map(({ status }) => status))).toEqual(new Set([429]));
  await api.call('DELETE', `/environment/api-keys/${body.data.id}`);
});

test('connect sessions are guarded the same way', async () => {
  const guess = () => api.call('GET', `/connect/session?connect_session_token=${randomUUID()}`, opened);
  const opened = { key: null, headers: from('203.0.113.3') };
  for (let tries = 0; tries < 5; tries += 1) expect((await guess()).status).toBe(401);
  expect((await guess()).status).toBe(429);
});

test('whoever guesses at the sign-in of the dashboard is refused as well', async () => {
  const guess = (body: object) =>
    api.call('POST', '/dashboard/session', { key: null, headers: from('203.0.113.4'), body });
  for (let tries = 0; tries < 3; tries += 1) {
    expect((await guess({ username: 'ada', password: `${tries}` })).status).toBe(401);
    if (tries < 2) expect((await guess({ secret_key: randomUUID() })).status).toBe(401);
  }
  expect((await guess(operator)).status).toBe(429);
  expect((await guess({ secret_key: randomUUID() })).status).toBe(429);
  expect((await guess({ secret_key: api.key })).status).toBe(204);
});

test('of those whom nobody knows, and of people in browsers, no long body is read, also not one that was packed', async () => {
  const long = JSON.stringify({ username: 'ada', password: ' '.repeat(1.5 * 1024 * 1024) });
  const opened = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u2' } } });
  for (const [path, key] of [
    ['/dashboard/session', null],
    ['/api-auth/api-key/any', opened.body.data.token],
  ]) {
    const headers = { ...from('203.0.113.6'), 'content-type': 'application/json' };
    const plain = await api.call('POST', path, { key, headers, raw: long });
    const packed = await api.call('POST', path, {
      key,
      headers: { ...headers, 'content-encoding': 'gzip' },
      raw: gzipSync(long),
    });
    expect([plain.status, packed.status]).toEqual([413, 413]);
  }
});

test('an environment that calls too often is told when to come back, and no other one is', async () => {
  const statuses: number[] = [];
  for (let calls = 0; calls < 45; calls += 1) statuses.push((await api.call('GET', '/runs')).status);
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(5);
  const refused = await api.call('GET', '/runs');
  expect(refused).toMatchObject({ status: 429, body: { error: { code: 'too_many_requests' } } });
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
  expect((await api.call('GET', '/runs', { key: api.otherKey })).status).toBe(200);
  expect((await api.call('GET', '/health', { key: null })).status).toBe(200);
});

test('answers carry the headers that keep browsers from running, framing or guessing them', async () => {
  const { headers } = await api.call('GET', '/health', { key: null });
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'");
  expect(headers.get('strict-transport-security')).toMatch(/max-age=\d+/);
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  expect(headers.get('x-powered-by')).toBeNull();
});
