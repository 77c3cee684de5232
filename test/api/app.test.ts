import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';

const api = useApi({ bodyBytes: 2_000 });

test('GET / names the product, its version and where to look, without a key', async () => {
  const { status, body } = await api.call('GET', '/', { key: null });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    name: 'nango-temporal',
    version: '0.0.0-test',
    links: { health: '/health', ready: '/ready' },
  });
});

test('GET /health answers without a key, also while Temporal is out of reach', async () => {
  api.engine.answer({ taskQueues: async () => Promise.reject(new Error('down')) });
  expect(await api.call('GET', '/health', { key: null })).toMatchObject({ status: 200, body: { result: 'ok' } });
});

const ROUTES = [
  ['GET', '/integrations'],
  ['POST', '/integrations'],
  ['GET', '/integrations/x'],
  ['DELETE', '/integrations/x'],
  ['GET', '/config/x'],
  ['POST', '/config'],
  ['PUT', '/config'],
  ['DELETE', '/config/x'],
  ['GET', '/connections'],
  ['POST', '/connections'],
  ['GET', '/connections/x'],
  ['GET', '/connection/x'],
  ['POST', '/connection'],
  ['DELETE', '/connections/x'],
  ['POST', '/connections/metadata'],
  ['PATCH', '/connections/metadata'],
  ['POST', '/sync/deploy'],
  ['POST', '/sync/deploy/confirmation'],
  ['POST', '/sync/trigger'],
  ['POST', '/sync/pause'],
  ['POST', '/sync/start'],
  ['GET', '/sync/status'],
  ['GET', '/records'],
  ['GET', '/records/'],
  ['POST', '/action/trigger'],
  ['GET', '/runs'],
  ['GET', '/runs/x'],
  ['GET', '/providers'],
  ['GET', '/providers/x'],
  ['GET', '/environment-variables'],
  ['PATCH', '/proxy/x'],
] as const;

test.each(ROUTES)('%s %s refuses a missing, a malformed and an unknown key', async (method, path) => {
  const sent = method === 'GET' ? {} : { body: {} };
  const missing = await api.call(method, path, { key: null, ...sent });
  const malformed = await api.call(method, path, { key: null, headers: { authorization: 'Basic abc' }, ...sent });
  const unknown = await api.call(method, path, { key: randomUUID(), ...sent });
  expect([missing, malformed, unknown].map((answer) => [answer.status, answer.body?.error.code])).toEqual([
    [401, 'missing_auth_header'],
    [401, 'malformed_auth_header'],
    [401, 'unknown_account'],
  ]);
});

test.each(ROUTES.filter(([method, path]) => method === 'GET' && !path.startsWith('/config')))(
  '%s %s refuses an unknown query parameter by name',
  async (method, path) => {
    const { status, body } = await api.call(method, `${path}?nonsense=1`, {
      headers: { 'connection-id': 'c', 'provider-config-key': 'k' },
    });
    expect([status, body.error.code]).toEqual([400, 'invalid_query_params']);
    expect(body.error.errors).toContainEqual({ code: 'unrecognized_keys', message: 'unknown key', path: ['nonsense'] });
  },
);

test.each(ROUTES.filter(([method, path]) => (method === 'POST' || method === 'PATCH') && !path.startsWith('/proxy')))(
  '%s %s refuses an unknown key of the body by name',
  async (method, path) => {
    const { status, body } = await api.call(method, path, {
      body: { nonsense: 1 },
      headers: { 'connection-id': 'c', 'provider-config-key': 'k' },
    });
    expect([status, body.error.code]).toEqual([400, 'invalid_body']);
    expect(body.error.errors).toContainEqual({ code: 'unrecognized_keys', message: 'unknown key', path: ['nonsense'] });
  },
);

test('an unknown route names its method and path', async () => {
  const { status, body } = await api.call('PUT', '/integrations/x');
  expect([status, body.error.code]).toEqual([404, 'not_found']);
  expect(body.error.message).toContain("PUT '/integrations/x'");
});

test('a body that is not JSON is refused with its position and without its text', async () => {
  const { status, body } = await api.call('POST', '/integrations', { raw: '{"provider": "s3cret-text",\n oops}' });
  expect([status, body.error.code]).toEqual([400, 'invalid_body']);
  expect(body.error.message).toContain('line 2, column 2');
  expect(body.error.message).not.toContain('s3cret');
});

test.each([
  ['a list', '[1]'],
  ['a text', '"x"'],
  ['null', 'null'],
  ['a word', 'true'],
  ['a broken text', '{"a'],
])('%s as body is refused', async (_, raw) => {
  expect(await api.call('POST', '/integrations', { raw })).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid_body' } },
  });
});

test('a body that is not UTF-8 is refused', async () => {
  const raw = Buffer.concat([Buffer.from('{"provider":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
  const { status, body } = await api.call('POST', '/integrations', { raw: new Uint8Array(raw) });
  expect([status, body.error.code]).toEqual([400, 'invalid_body']);
  expect(body.error.message).toContain('UTF-8');
});

test('a body above the limit is refused naming the limit', async () => {
  const { status, body } = await api.call('POST', '/integrations', { body: { provider: 'x'.repeat(3_000) } });
  expect([status, body.error.code]).toEqual([413, 'payload_too_large']);
  expect(body.error.message).toContain('2000 bytes');
});

test('JSON is read whatever the content type says', async () => {
  const { body } = await api.call('POST', '/integrations', {
    raw: '{"nonsense":1}',
    headers: { 'content-type': 'text/plain' },
  });
  expect(body.error.message).toContain('nonsense');
});

test('several mistakes are reported at once', async () => {
  const { body } = await api.call('POST', '/integrations', { body: { provider: 7, unique_key: 'a/b', extra: 1 } });
  expect(body.error.errors.map((fault: { path: string[] }) => fault.path)).toEqual([
    ['provider'],
    ['unique_key'],
    ['extra'],
  ]);
});

test('a malformed percent-encoding in the path is the caller’s mistake', async () => {
  const { status, body } = await api.call('GET', '/connections/100%?provider_config_key=x');
  expect([status, body.error.code]).toEqual([400, 'invalid_uri_params']);
});

test('a NUL character in a name is no fault of the server', async () => {
  const { status, body } = await api.call('GET', '/integrations/a%00b');
  expect([status, body.error.code]).toEqual([400, 'invalid_uri_params']);
});

test('a fault of our own is logged under an id, and only the id is sent', async () => {
  await api.db.query('alter table integrations rename to integrations_away');
  const { status, body } = await api.call('GET', '/integrations');
  await api.db.query('alter table integrations_away rename to integrations');
  expect([status, body.error.code]).toEqual([500, 'internal']);
  expect(JSON.stringify(body)).not.toContain('relation');
  const logged = api.events.find(({ event }) => event === 'request.failed');
  expect(String(logged?.fields['error'])).toContain('relation "integrations" does not exist');
  expect(body.error.message).toContain(String(logged?.fields['requestId']));
});

test('a request that breaks off leaves the server answering', async () => {
  const socket = connect(api.port, '127.0.0.1');
  const head = `POST /integrations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.key}\r\ncontent-length: 100\r\n\r\n{"prov`;
  await new Promise<void>((resolve) => socket.write(head, () => resolve()));
  socket.destroy();
  expect((await api.call('GET', '/health')).status).toBe(200);
});

test('GET /environment-variables is empty and POST /cli/telemetry swallows what it gets', async () => {
  expect(await api.call('GET', '/environment-variables')).toMatchObject({ status: 200, body: [] });
  const telemetry = { body: { event: 'x' }, key: null };
  expect(await api.call('POST', '/cli/telemetry', telemetry)).toMatchObject({ status: 204, text: '' });
});
