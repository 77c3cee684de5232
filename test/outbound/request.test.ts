import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import type { RequestConfig } from '../../contract/host.ts';
import { connection, openOutbound, useOutbound } from '../support/outbound.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const retry = { after: 'x-wait' };
const outbound = useOutbound(() => ({ auth_mode: 'OAUTH2', proxy: { base_url: upstream.url, retry } }));
const impatient = useOutbound(() => ({ proxy: { base_url: upstream.url } }), { answerTimeoutMs: 50 });
const signal = new AbortController().signal;
const call = (config: Partial<RequestConfig> = {}) =>
  outbound.request(
    connection({ access_token: 'secret-token' }),
    { endpoint: '/x', method: 'GET', ...config },
    { signal },
  );
const sent = () => upstream.requests.at(-1);

test('a call carries credentials, default headers and its query', async () => {
  await call({ endpoint: '/tasks?a=1', params: { b: [2, 3] } });
  expect(sent()).toMatchObject({ method: 'GET', url: '/tasks?a=1&b=2&b=3' });
  expect(sent()?.headers).toMatchObject({
    authorization: 'Bearer secret-token',
    accept: 'application/json, text/plain, */*',
    'user-agent': 'nango-temporal',
  });
});

test('the answer arrives byte for byte with status and headers, less its cookies', async () => {
  const body = Buffer.from([0, 255, 128, 10, 13]);
  upstream.answerWith({ status: 404, headers: { 'x-a': 'b', 'set-cookie': 's=1' }, body });
  const answer = await call();
  expect(answer.head).toMatchObject({ status: 404, statusText: 'Not Found', headers: { 'x-a': 'b' } });
  expect(answer.head.headers).not.toHaveProperty('set-cookie');
  expect(Buffer.from(answer.body)).toEqual(body);
});

test('a compressed answer is decoded, and its headers say so', async () => {
  upstream.answerWith({ headers: { 'content-encoding': 'gzip' }, body: gzipSync('hello') });
  const answer = await call();
  expect(Buffer.from(answer.body).toString()).toBe('hello');
  expect(Object.keys(answer.head.headers)).not.toEqual(expect.arrayContaining(['content-encoding', 'content-length']));
});

test.each<[string, Partial<RequestConfig>, string, string]>([
  ['a JSON value', { data: { a: [1, null] } }, 'application/json', '{"a":[1,null]}'],
  ['a list', { data: [1] }, 'application/json', '[1]'],
  ['false', { data: false }, 'application/json', 'false'],
  ['text', { data: 'a=1' }, 'application/x-www-form-urlencoded', 'a=1'],
  ['text with a type', { data: '<a/>', headers: { 'Content-Type': 'text/xml' } }, 'text/xml', '<a/>'],
  ['bytes', { data: { base64: 'aGk=' } }, 'application/octet-stream', 'hi'],
  [
    'a form',
    {
      data: { a: 'x y', b: [1, 2], c: { d: 'é' }, e: [{ f: 1 }], g: null },
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    },
    'application/x-www-form-urlencoded',
    'a=x+y&b%5B%5D=1&b%5B%5D=2&c%5Bd%5D=%C3%A9&e%5B0%5D%5Bf%5D=1',
  ],
])('%s goes out as its content type says', async (_, config, type, body) => {
  await call({ method: 'POST', ...config });
  expect(sent()?.headers).toMatchObject({ 'content-type': type, 'content-length': String(Buffer.byteLength(body)) });
  expect(sent()?.body.toString()).toBe(body);
});

test('a multipart form carries fields and files', async () => {
  const data = {
    name: 'Ada',
    tags: ['a', 'b'],
    photo: { base64: 'aGk=', filename: 'p.png', contentType: 'image/png' },
  };
  await call({ method: 'POST', data, headers: { 'content-type': 'multipart/form-data' } });
  const received = await new Response(new Uint8Array(sent()?.body ?? []), {
    headers: { 'content-type': sent()?.headers['content-type'] ?? '' },
  }).formData();
  const photo = received.get('photo') as File;
  expect([received.get('name'), received.getAll('tags')]).toEqual(['Ada', ['a', 'b']]);
  expect([photo.name, photo.type, await photo.text()]).toEqual(['p.png', 'image/png', 'hi']);
});

test('a form made of something without fields is refused', async () => {
  const headers = { 'content-type': 'multipart/form-data' };
  await expect(call({ method: 'POST', data: [1], headers })).rejects.toMatchObject({ code: 'invalid_body' });
});

test.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('a %s without data has an empty body', async (method) => {
  await call({ method });
  expect(sent()).toMatchObject({ method, body: Buffer.alloc(0) });
  expect(sent()?.headers).not.toHaveProperty('content-type');
});

test('a GET may have a body', async () => {
  await call({ data: { q: 1 } });
  expect(sent()).toMatchObject({ method: 'GET', body: Buffer.from('{"q":1}') });
});

test('an absolute endpoint on the base URL is called', async () => {
  await call({ endpoint: `${upstream.url}/next?page=2` });
  expect(sent()?.url).toBe('/next?page=2');
});

test('calls share kept connections', async () => {
  for (let index = 0; index < 5; index += 1) await call();
  expect(upstream.connections).toBeLessThanOrEqual(1);
});

test('a kept connection that the other side closed does not fail a GET', async () => {
  await call();
  upstream.handleWith((_, response) => {
    upstream.handleWith(() => ({ json: {} }));
    response.socket?.destroy();
    return undefined;
  });
  expect((await call()).head.status).toBe(200);
  expect(upstream.requests).toHaveLength(3);
});

test('a POST on a kept connection that breaks is not sent twice', async () => {
  await call();
  upstream.answerWith({ breaks: 'at once' });
  await expect(call({ method: 'POST' })).rejects.toMatchObject({ details: { payload: { code: 'ECONNRESET' } } });
  expect(upstream.requests).toHaveLength(2);
});

test('without retries a refusal is the answer', async () => {
  upstream.answerWith({ status: 503 });
  expect((await call({ retries: 0 })).head.status).toBe(503);
  expect(upstream.requests).toHaveLength(1);
});

test('with retries the call is repeated until it succeeds, after the waits the answers name', async () => {
  upstream.answerWith(
    { status: 429, headers: { 'x-wait': '2' } },
    { status: 503, headers: { 'retry-after': '1' } },
    { json: { ok: 1 } },
  );
  const before = outbound.waits.length;
  const answer = await call({ method: 'POST', data: { a: 1 }, retries: 5 });
  expect(answer.head.status).toBe(200);
  expect(outbound.waits.slice(before)).toEqual([2_000, 1_000]);
  expect(upstream.requests.map((request) => request.body.toString())).toEqual(['{"a":1}', '{"a":1}', '{"a":1}']);
});

test('retries end with the last refusal', async () => {
  upstream.handleWith(() => ({ status: 500 }));
  expect((await call({ retries: 2 })).head.status).toBe(500);
  expect(upstream.requests).toHaveLength(3);
});

test('a wait of more than 10 s is left to the caller: the refusal is the answer', async () => {
  upstream.answerWith({ status: 429, headers: { 'retry-after': '11' } });
  expect((await call({ retries: 5 })).head.status).toBe(429);
  expect(upstream.requests).toHaveLength(1);
});

test('one attempt answers with what to do next', async () => {
  upstream.answerWith({ status: 429, headers: { 'retry-after': '3600' } }, { status: 429 });
  const attempt = (number: number) =>
    outbound.attempt(
      connection({ access_token: 't' }),
      { endpoint: '/', method: 'GET', retries: 1 },
      { signal, attempt: number },
    );
  expect(await attempt(0)).toMatchObject({
    answer: { head: { status: 429 } },
    decision: { retry: true, waitMs: 3_600_000, askedBy: 'retry-after' },
  });
  expect(await attempt(1)).toMatchObject({ decision: { retry: false } });
});

test('a broken connection is retried as well', async () => {
  upstream.answerWith(
    { breaks: 'at once' },
    { breaks: 'in the body', json: { a: 'long enough' } },
    { json: { ok: 1 } },
  );
  const answer = await call({ method: 'POST', retries: 3 });
  expect(Buffer.from(answer.body).toString()).toBe('{"ok":1}');
});

test('a body that breaks off is a failure, not a short answer', async () => {
  upstream.answerWith({ breaks: 'in the body', headers: { 'content-length': 20 }, body: 'x'.repeat(20) });
  await expect(call({ retries: 0 })).rejects.toMatchObject({ code: 'upstream_unreachable' });
});

test('a port where nothing listens is upstream_unreachable with the code and without secrets', async () => {
  const error = await call({ baseUrlOverride: 'http://127.0.0.1:1/', params: { key: 'secret-key' } }).catch(
    (thrown) => thrown,
  );
  expect(error).toMatchObject({
    code: 'upstream_unreachable',
    message: "GET to '127.0.0.1:1' failed: ECONNREFUSED (nothing listens there).",
    details: { payload: { code: 'ECONNREFUSED' } },
  });
  expect(JSON.stringify([error, error.cause, String(error.stack)])).not.toContain('secret');
});

test('an answer over the limit is refused with the way out', async () => {
  upstream.answerWith({ body: Buffer.alloc(1_000_001) });
  await expect(call({ retries: 3 })).rejects.toMatchObject({
    code: 'payload_too_large',
    message: expect.stringContaining('/proxy'),
  });
  expect(upstream.requests).toHaveLength(1);
});

test('a small answer that decodes to a huge one is refused too', async () => {
  upstream.answerWith({ headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(5_000_000)) });
  await expect(call()).rejects.toMatchObject({ code: 'payload_too_large' });
});

test('an aborted call ends at once', async () => {
  const controller = new AbortController();
  upstream.handleWith(() => {
    controller.abort();
    return undefined;
  });
  const config = { endpoint: '/', method: 'GET', retries: 5 } as const;
  const aborted = outbound.request(connection({ access_token: 't' }), config, { signal: controller.signal });
  await expect(aborted).rejects.toMatchObject({ code: 'script_aborted' });
});

test.each(['localhost', '127.0.0.1', '[::1]'])('%s is refused before a connection is made', async (host) => {
  const guarded = openOutbound(() => ({ proxy: { base_url: `http://${host}:${upstream.port}` } }), { allow: [] });
  const refused = guarded.request(connection(), { endpoint: '/', method: 'GET', retries: 3 }, { signal });
  await expect(refused).rejects.toMatchObject({
    code: 'upstream_refused',
    message: expect.stringContaining('NANGO_OUTBOUND_ALLOW'),
  });
  expect(upstream.connections).toBe(0);
  guarded.close();
});

test('a host that the operator allows is reached by name', async () => {
  const allow = [`localhost:${upstream.port}`];
  const open = openOutbound(() => ({ proxy: { base_url: `http://localhost:${upstream.port}` } }), { allow });
  expect((await open.request(connection(), { endpoint: '/', method: 'GET' }, { signal })).head.status).toBe(200);
  open.close();
});

test('an upstream that stays silent is given up after the time for an answer', async () => {
  upstream.handleWith(() => undefined);
  const silent = impatient.request(connection(), { endpoint: '/', method: 'GET' }, { signal });
  await expect(silent).rejects.toMatchObject({ details: { payload: { code: 'ETIMEDOUT' } } });
});

test.each(['GET', 'POST'] as const)(
  'one that falls silent within its answer to a %s is given up as well',
  async (method) => {
    const cut = Promise.withResolvers<void>();
    upstream.handleWith((_, response) => {
      response.once('close', cut.resolve);
      response.writeHead(200, { 'content-length': 100 });
      response.write('the first of it');
      return undefined;
    });
    const config = { endpoint: '/', method, retries: 0 } as const;
    await expect(impatient.request(connection(), config, { signal })).rejects.toMatchObject({
      code: 'upstream_unreachable',
      message: expect.stringContaining('ETIMEDOUT (no answer in time)'),
    });
    await cut.promise;
  },
);
