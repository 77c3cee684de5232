import { expect, test } from '@jest/globals';
import { NOW, useApi } from '../support/api.ts';
import { until } from '../support/until.ts';

const api = useApi();
const CACHED_MS = 5_000;

async function make(body: Record<string, unknown>): Promise<{ id: string; secret: string }> {
  const answer = await api.call('POST', '/environment/api-keys', { body: { display_name: 'ci', ...body } });
  expect(answer.status).toBe(201);
  return answer.body.data;
}
const statusOf = async (key: string, method = 'GET', path = '/integrations', body?: unknown) =>
  (await api.call(method, path, { key, ...(body !== undefined && { body }) })).status;
const after = (ms: number) => api.setTime(new Date(NOW.getTime() + ms));

test('a key is shown once, and then by name, prefix, scopes and last use', async () => {
  const { id, secret } = await make({ scopes: ['environment:integrations:list'] });
  expect(await statusOf(secret)).toBe(200);
  // The use is noted by the way: nobody waits for it.
  const shown = await until('last use', async () => {
    const { text, body } = await api.call('GET', '/environment/api-keys');
    expect(text).not.toContain(secret);
    const found: Record<string, unknown> = body.data.find((one: { id: string }) => one.id === id);
    return Boolean(found['last_used_at']) && found;
  });
  expect(shown).toMatchObject({
    display_name: 'ci',
    prefix: secret.slice(0, 8),
    scopes: ['environment:integrations:list'],
    last_used_at: NOW.toISOString(),
  });
});

test('a key does what its scopes say and nothing else, and makes no other key', async () => {
  const { secret } = await make({ scopes: ['environment:integrations:*', 'environment:proxy'] });
  expect(await statusOf(secret)).toBe(200);
  expect(await statusOf(secret, 'GET', '/integrations/none')).toBe(404);
  for (const [method, path] of [
    ['GET', '/connections'],
    ['GET', '/runs'],
    ['GET', '/environment/api-keys'],
    ['POST', '/environment/api-keys'],
  ] as const) {
    expect([path, await statusOf(secret, method, path, method === 'POST' ? { display_name: 'x' } : undefined)]).toEqual(
      [path, 403],
    );
  }
  const proxied = await api.call('GET', '/proxy/x', {
    key: secret,
    headers: { 'provider-config-key': 'none', 'connection-id': 'none' },
  });
  expect(proxied.status).toBe(404);
  const { body } = await api.call('GET', '/runs', { key: secret });
  expect(body.error).toMatchObject({ code: 'forbidden', message: expect.stringContaining('environment:logs:read') });
});

test('an unknown scope is refused', async () => {
  const body = { display_name: 'x', scopes: ['environment:everything'] };
  expect(await api.call('POST', '/environment/api-keys', { body })).toMatchObject({ status: 400 });
});

test('a key ends when it was said to, to the second, although it is believed for a while', async () => {
  const { secret } = await make({ expires_at: new Date(NOW.getTime() + 1_000).toISOString() });
  expect(await statusOf(secret)).toBe(200);
  after(1_000);
  expect(await statusOf(secret)).toBe(401);
});

test('a rotated key goes on beside the new one for the overlap', async () => {
  const old = await make({ scopes: ['environment:integrations:list'] });
  const rotated = await api.call('POST', `/environment/api-keys/${old.id}/rotate`, { body: { overlap_seconds: 60 } });
  expect(rotated.status).toBe(201);
  const { secret, scopes } = rotated.body.data;
  expect(scopes).toEqual(['environment:integrations:list']);
  expect([await statusOf(old.secret), await statusOf(secret)]).toEqual([200, 200]);
  after(60_000 + CACHED_MS);
  expect([await statusOf(old.secret), await statusOf(secret)]).toEqual([401, 200]);
});

test('a revoked key is refused once it is not believed any more; the last one without limits stays', async () => {
  const { id, secret } = await make({});
  expect(await statusOf(secret)).toBe(200);
  expect((await api.call('DELETE', `/environment/api-keys/${id}`)).status).toBe(200);
  after(CACHED_MS);
  expect(await statusOf(secret)).toBe(401);
  const { body } = await api.call('GET', '/environment/api-keys');
  const limitless = body.data.filter(
    (one: { scopes: string[]; expires_at: string | null }) =>
      one.scopes[0] === 'environment:*' && one.expires_at === null,
  );
  expect(limitless).toHaveLength(1);
  expect(await api.call('DELETE', `/environment/api-keys/${limitless[0].id}`)).toMatchObject({
    status: 409,
    body: { error: { code: 'conflict' } },
  });
});

test('requests are timed by route, and strangers make no labels', async () => {
  await api.call('GET', '/integrations/some-key');
  await api.call('GET', '/no/such/path');
  const { text, headers } = await api.call('GET', '/metrics', { key: null });
  expect(headers.get('content-type')).toContain('text/plain');
  expect(text).toContain(
    'nango_http_request_duration_seconds_count{method="GET",route="/integrations/:key",status="404"}',
  );
  expect(text).toContain('route="none",status="404"');
  expect(text).not.toMatch(/some-key|no\/such/);
  expect(text).toContain('process_cpu_seconds_total');
});
