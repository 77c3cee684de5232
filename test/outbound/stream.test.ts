import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import type { StreamCall } from '../../outbound/wire-request.ts';
import { connection, useOutbound } from '../support/outbound.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const outbound = useOutbound(() => ({ auth_mode: 'OAUTH2', proxy: { base_url: upstream.url } }));
const signal = new AbortController().signal;
const call = (given: Partial<StreamCall> = {}) =>
  outbound.stream(
    connection({ access_token: 't' }),
    { method: 'GET', path: '/x', headers: {}, body: undefined, ...given },
    signal,
  );
const inChunks = (bytes: Uint8Array) => Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]);

test.each(['/q?a=1&a=2&b[]=3&c=%2F+%20&d&e=%', '/a%2Fb/', '', '?only=query'])(
  'path %p arrives as it was',
  async (path) => {
    (await call({ path })).body.resume();
    expect(upstream.requests[0]?.url).toBe(path.startsWith('/') ? path : `/${path}`);
  },
);

test('a body streams up unchanged, with its length if that is known', async () => {
  const bytes = randomBytes(100_000);
  const headers = { 'content-type': 'image/png' };
  (await call({ method: 'POST', body: inChunks(bytes), headers, length: 100_000 })).body.resume();
  expect(upstream.requests[0]).toMatchObject({ method: 'POST', headers: { ...headers, 'content-length': '100000' } });
  expect(upstream.requests[0]?.body.equals(bytes)).toBe(true);
});

test('a body of unknown length is sent in chunks', async () => {
  (await call({ method: 'PUT', body: inChunks(randomBytes(50)) })).body.resume();
  expect(upstream.requests[0]?.headers['transfer-encoding']).toBe('chunked');
  expect(upstream.requests[0]?.body).toHaveLength(50);
});

test('a content-length without a body is not sent', async () => {
  (await call({ headers: { 'content-length': '5' } })).body.resume();
  expect(upstream.requests[0]?.headers).not.toHaveProperty('content-length');
});

/** A body of which the call says that it is shorter, with the beginning of another request in its rest. */
const REST = 'hello DELETE /evil HTTP/1.1\r\nx-ignored: ';

test.each(['content-length', 'Content-Length', 'transfer-encoding'])(
  'a call that lies about its length by %s begins nobody else’s',
  async (name) => {
    const headers = { [name]: name === 'transfer-encoding' ? 'identity' : '5' };
    (await call({ method: 'POST', body: inChunks(Buffer.from(REST)), headers, retries: 0 })).body.resume();
    (await call({ method: 'PUT', body: Buffer.from(REST), headers })).body.resume();
    await outbound.raw({ url: `${upstream.url}/raw`, method: 'POST', headers, body: REST }, { signal });
    const config = { method: 'POST', endpoint: '/script', headers, data: REST } as const;
    await outbound.request(connection({ access_token: 't' }), config, { signal });
    (await call({ path: '/next' })).body.resume();
    const sent = upstream.requests.map(({ method, url, body }) => [`${method} ${url}`, body.toString()]);
    expect(sent.slice(0, -1).map(([, body]) => body)).toEqual([REST, REST, REST, REST]);
    expect(sent.at(-1)).toEqual(['GET /next', '']);
  },
);

test.each([{ 'x\r\ny': 'z' }, { x: 'y\r\nz: 1' }, { 'x y': '1' }])(
  'a call without a provider that has the headers %j is refused as such',
  async (headers) => {
    const sent = outbound.raw({ url: upstream.url, method: 'GET', headers, body: undefined }, { signal });
    await expect(sent).rejects.toMatchObject({ code: 'invalid_headers' });
    expect(upstream.requests).toEqual([]);
  },
);

test('an answer comes back with every header and byte', async () => {
  const bytes = randomBytes(300_000);
  upstream.answerWith({
    status: 206,
    headers: { 'set-cookie': ['a=1', 'b=2'], etag: '"x"', 'content-length': bytes.length },
    body: bytes,
  });
  const { head, body } = await call();
  expect(head).toMatchObject({
    status: 206,
    statusText: 'Partial Content',
    headers: { 'set-cookie': ['a=1', 'b=2'], etag: '"x"', 'content-length': '300000' },
  });
  expect((await buffer(body)).equals(bytes)).toBe(true);
});

test('an encoded answer passes encoded, with the headers that fit it (U090)', async () => {
  const bytes = gzipSync('hello');
  upstream.answerWith({ headers: { 'content-encoding': 'gzip', 'content-length': bytes.length }, body: bytes });
  const { head, body } = await call({ headers: { 'accept-encoding': 'gzip' } });
  expect(head.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-length': String(bytes.length) });
  expect(await buffer(body)).toEqual(bytes);
});

test('decompress decodes it, and length and encoding are gone (U090)', async () => {
  const bytes = gzipSync('hello');
  upstream.answerWith({ headers: { 'content-encoding': 'gzip', 'content-length': bytes.length }, body: bytes });
  const { head, body } = await call({ decompress: true });
  expect(Object.keys(head.headers)).not.toEqual(expect.arrayContaining(['content-encoding']));
  expect(head.headers).not.toHaveProperty('content-length');
  expect((await buffer(body)).toString()).toBe('hello');
});

test('the proxy asks for no encoding that the caller did not ask for', async () => {
  (await call()).body.resume();
  expect(upstream.requests[0]?.headers).not.toHaveProperty('accept-encoding');
});

test.each([
  ['HEAD', 200],
  ['GET', 204],
  ['GET', 304],
])('a %s answered %i has no body', async (method, status) => {
  upstream.answerWith({ status, headers: method === 'HEAD' ? { 'content-length': 7 } : {} });
  const { head, body } = await call({ method });
  expect(await buffer(body)).toHaveLength(0);
  expect(head.status).toBe(status);
  expect(head.headers['content-length']).toBe(method === 'HEAD' ? '7' : undefined);
});

test('a long answer is fetched only as fast as it is read (U075)', async () => {
  let sent = 0;
  const chunks = function* () {
    for (const chunk = Buffer.alloc(1_000_000); sent < 100_000_000; sent += chunk.length) yield chunk;
  };
  upstream.answerWith({ body: Readable.from(chunks()) });
  const { body } = await call();
  let read = 0;
  let lead = 0;
  for await (const part of body) {
    read += part.length;
    lead = Math.max(lead, sent - read);
  }
  expect(read).toBe(100_000_000);
  expect(lead).toBeLessThan(30_000_000);
});

test('a reader that stops stops the upstream', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  upstream.handleWith((_, response) => {
    response.once('close', () => resolve('closed'));
    response.write('first');
    return undefined;
  });
  (await call()).body.destroy();
  expect(await promise).toBe('closed');
});

test('an answer that breaks off is an error of the body', async () => {
  upstream.answerWith({ breaks: 'in the body', headers: { 'content-length': 20 }, body: 'x'.repeat(20) });
  const { body } = await call();
  await expect(buffer(body)).rejects.toThrow();
});

test('a short streamed body is sent again when retries are asked for', async () => {
  upstream.answerWith({ status: 503, body: 'busy' }, { breaks: 'at once' });
  const { head, body } = await call({ method: 'POST', body: inChunks(Buffer.from('0123456789')), retries: 2 });
  body.resume();
  expect(head.status).toBe(200);
  expect(upstream.requests.map((request) => request.body.toString())).toEqual([
    '0123456789',
    '0123456789',
    '0123456789',
  ]);
});

const PASSING_FAULTS = [{ status: 503, body: 'busy' }, { breaks: 'at once' }] as const;
const short = () => ({ body: inChunks(Buffer.from('0123456789')), length: 10 });

test.each(['PUT', 'DELETE'])('a short body of a %s is sent again without being asked for', async (method) => {
  upstream.answerWith(...PASSING_FAULTS);
  const { head, body } = await call({ method, ...short() });
  body.resume();
  expect(head.status).toBe(200);
  expect(upstream.requests.map((request) => request.body.toString())).toEqual(Array(3).fill('0123456789'));
});

test.each([
  ['a POST, which may have done something', { method: 'POST', ...short() }],
  ['a PUT that wants none', { method: 'PUT', ...short(), retries: 0 }],
  [
    'a PUT of unknown length, which is on its way already',
    { method: 'PUT', body: inChunks(Buffer.from('0123456789')) },
  ],
])('%s is not', async (_, given) => {
  upstream.answerWith(...PASSING_FAULTS);
  const { head, body } = await call(given);
  body.resume();
  expect([head.status, upstream.requests.length]).toEqual([503, 1]);
});

test('a long streamed body passes whole, once', async () => {
  upstream.answerWith({ status: 503 });
  const bytes = randomBytes(2_000_000);
  const { head, body } = await call({ method: 'POST', body: inChunks(bytes), retries: 2 });
  body.resume();
  expect(head.status).toBe(503);
  expect(upstream.requests).toHaveLength(1);
  expect(upstream.requests[0]?.body.equals(bytes)).toBe(true);
});

test('a refused address is an error before the head', async () => {
  await expect(call({ baseUrlOverride: 'http://10.0.0.1' })).rejects.toMatchObject({ code: 'upstream_refused' });
});

test('nothing listening is upstream_unreachable', async () => {
  const failed = call({
    method: 'POST',
    baseUrlOverride: 'http://127.0.0.1:1',
    body: inChunks(Buffer.from('0123456789')),
  });
  await expect(failed).rejects.toMatchObject({
    code: 'upstream_unreachable',
    details: { payload: { code: 'ECONNREFUSED' } },
  });
});
