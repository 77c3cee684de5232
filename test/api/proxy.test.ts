import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from '@jest/globals';
import { currentLimit } from '../../store/api-limits.ts';
import { NOW, useApi } from '../support/api.ts';
import { createTracker } from '../support/deployment.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const upstream = useUpstream();
const api = useApi();
const HEADERS = { 'provider-config-key': 'p', 'connection-id': 'c1' };

beforeAll(async () => {
  await createTracker(api, 'p', ['c1', "it's/odd"], `${upstream.url}/base`);
});

test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
  '%s reaches the upstream with the credentials',
  async (method) => {
    upstream.answerWith({ status: 207, json: { fine: true }, headers: { 'x-custom': 'kept' } });
    const { status, headers, body } = await api.call(method, '/proxy/tasks', { headers: HEADERS });
    expect([status, headers.get('x-custom'), body]).toEqual([207, 'kept', { fine: true }]);
    expect(upstream.requests).toMatchObject([
      { method, url: '/base/tasks', headers: { authorization: 'Bearer key of c1' } },
    ]);
  },
);

test.each([
  '/proxy/tasks?a=1&a=2&b=%20x+y&c[]=3&empty=&flag',
  '/proxy/a%2Fb/100%25/%E2%82%AC',
  '/proxy/with;semi:colon@at',
  '/proxy?only=query',
  '/proxy/?a=1&a=2&a[]=3&b=%2F&c=1+2',
  '/proxy',
])('%s arrives as it was sent (U092)', async (path) => {
  await api.call('GET', path, { headers: HEADERS });
  expect(upstream.requests.map(({ url }) => url)).toEqual([`/base${path.slice('/proxy'.length)}`]);
});

test('a request whose line has the whole address is the same request', async () => {
  const { port } = api;
  const path = `http://127.0.0.1:${port}/proxy/tasks?a=1`;
  const sent = request({ port, host: '127.0.0.1', path, headers: { ...HEADERS, authorization: `Bearer ${api.key}` } });
  const [response] = await once(sent.end(), 'response');
  response.resume();
  expect([response.statusCode, upstream.requests[0]?.url]).toEqual([200, '/base/tasks?a=1']);
});

test('a caller who lies about the length of what is forwarded makes no request with the credentials of another', async () => {
  const raw = 'hello DELETE /evil HTTP/1.1\r\nx-ignored: ';
  const headers = {
    ...HEADERS,
    'nango-proxy-content-length': '5',
    'nango-proxy-transfer-encoding': 'identity',
    retries: '0',
  };
  expect((await api.call('POST', '/proxy/mine', { raw, headers })).status).toBe(200);
  await api.call('GET', '/proxy/theirs', { headers: { ...HEADERS, 'connection-id': "it's/odd" } });
  expect(upstream.requests.map(({ method, url, body }) => [method, url, body.toString()])).toEqual([
    ['POST', '/base/mine', raw],
    ['GET', '/base/theirs', ''],
  ]);
});

test('a path that is no valid encoding is the upstream’s to judge', async () => {
  const sent = request({
    port: api.port,
    host: '127.0.0.1',
    path: '/proxy/100%',
    headers: { ...HEADERS, authorization: `Bearer ${api.key}` },
  });
  const [response] = await once(sent.end(), 'response');
  response.resume();
  expect(response.statusCode).toBe(200);
  expect(upstream.requests[0]?.url).toMatch(/^\/base\/100%/);
});

test('only prefixed headers and those of the body are passed on', async () => {
  await api.call('POST', '/proxy/x', {
    raw: 'a=1',
    headers: {
      ...HEADERS,
      'content-type': 'application/x-www-form-urlencoded',
      'x-private': 'no',
      'nango-proxy-x-trace': 'yes',
      cookie: 'a=b',
    },
  });
  const received = upstream.requests[0]?.headers;
  expect(received).toMatchObject({
    'content-type': 'application/x-www-form-urlencoded',
    'x-trace': 'yes',
    'content-length': '3',
  });
  expect(
    Object.keys(received ?? {}).filter((name) => /private|cookie|provider-config|connection-id/.test(name)),
  ).toEqual([]);
});

test('bytes pass unchanged both ways, compressed ones too (U091)', async () => {
  const bytes = new Uint8Array(gzipSync(Buffer.from('compressed '.repeat(1_000))));
  upstream.answerWith({ body: bytes, headers: { 'content-type': 'application/x-binary', 'x-length': bytes.length } });
  const response = await fetch(`${api.url}/proxy/upload`, {
    method: 'POST',
    body: bytes,
    headers: { ...HEADERS, authorization: `Bearer ${api.key}`, 'content-type': 'application/octet-stream' },
  });
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
  expect(new Uint8Array(upstream.requests[0]?.body ?? [])).toEqual(bytes);
});

test('a multipart body arrives with its boundary (U091)', async () => {
  const form = new FormData();
  form.set('file', new Blob(['content']), 'a.txt');
  await fetch(`${api.url}/proxy/x`, {
    method: 'POST',
    body: form,
    headers: { ...HEADERS, authorization: `Bearer ${api.key}` },
  });
  const [received] = upstream.requests;
  const boundary = /boundary=(.+)$/.exec(received?.headers['content-type'] ?? '')?.[1];
  expect(received?.body.toString()).toContain(`--${boundary}`);
  expect(received?.body.toString()).toContain('filename="a.txt"');
});

test('statuses of the upstream are answers, not failures', async () => {
  upstream.answerWith({ status: 500, json: { theirs: true } });
  expect(await api.call('GET', '/proxy/x', { headers: HEADERS })).toMatchObject({
    status: 500,
    body: { theirs: true },
  });
});

test('cookies of the upstream are kept from the caller', async () => {
  upstream.answerWith({ headers: { 'set-cookie': 'session=1' }, json: {} });
  expect((await api.call('GET', '/proxy/x', { headers: HEADERS })).headers.get('set-cookie')).toBeNull();
});

test('retries are made when asked for, on the statuses asked for', async () => {
  upstream.answerWith({ status: 409, headers: { 'retry-after': '0' } }, { json: { second: true } });
  const headers = { ...HEADERS, retries: '1', 'retry-on': '409,410' };
  expect(await api.call('GET', '/proxy/x', { headers })).toMatchObject({ status: 200, body: { second: true } });
  upstream.answerWith({ status: 409 });
  expect((await api.call('GET', '/proxy/x', { headers: HEADERS })).status).toBe(409);
});

test('a limit that an answer tells of is waited for by the runs of the connection', async () => {
  upstream.answerWith({ headers: { ratelimit: '"minute";r=0;t=12' }, json: {} });
  expect((await api.call('GET', '/proxy/x', { headers: HEADERS })).status).toBe(200);
  const { rows } = await api.db.query<{ id: string }>("select id from connections where connection_id = 'c1'");
  const limit = () => currentLimit(api.db, rows[0]?.id ?? '', NOW);
  expect(await until('limit', limit)).toMatchObject({ until: new Date(NOW.getTime() + 12_000) });
});

test('headers of more than 16 KB are refused before anything is sent, and the answer is JSON or ends', async () => {
  const sent = api.call('GET', '/proxy/x', { headers: { ...HEADERS, 'nango-proxy-x-long': 'x'.repeat(20_000) } });
  expect((await sent).status).toBe(431);
  expect(upstream.requests).toEqual([]);
});

test.each(['http://user:pw@127.0.0.1/', 'http://user@127.0.0.1/'])(
  'a base URL with a user in it is refused, its password not shown: %s',
  async (base) => {
    const answer = await api.call('GET', '/proxy/x', { headers: { ...HEADERS, 'base-url-override': base } });
    expect([answer.status, answer.body.error.code]).toEqual([400, 'upstream_refused']);
    expect(answer.text).not.toContain('pw');
  },
);

test('another base URL is used when given and ignored when empty', async () => {
  await api.call('GET', '/proxy/x', { headers: { ...HEADERS, 'base-url-override': `${upstream.url}/other` } });
  await api.call('GET', '/proxy/x', {
    headers: { ...HEADERS, 'base-url-override': '', decompress: '', retries: '', 'retry-on': '' },
  });
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/other/x', '/base/x']);
});

test.each([
  [{ retries: 'many' }, 'retries'],
  [{ 'retry-on': '4xx' }, 'retry-on'],
  [{ decompress: 'yes' }, 'decompress'],
])('the header %j is refused by name', async (wrong, name) => {
  const { status, body } = await api.call('GET', '/proxy/x', { headers: { ...HEADERS, ...wrong } });
  expect([status, body.error.code, body.error.errors[0].path[0]]).toEqual([400, 'invalid_headers', name]);
});

test('missing headers and unknown connections are named before anything is sent', async () => {
  const missing = await api.call('GET', '/proxy/x');
  expect(missing.body.error).toMatchObject({
    code: 'invalid_headers',
    errors: [{ path: ['provider-config-key'] }, { path: ['connection-id'] }],
  });
  expect((await api.call('GET', '/proxy/x', { headers: { ...HEADERS, 'connection-id': 'no' } })).body.error.code).toBe(
    'unknown_connection',
  );
  expect((await api.call('GET', '/proxy/x', { headers: HEADERS, key: api.otherKey })).status).toBe(404);
  expect(upstream.requests).toEqual([]);
});

test('a connection id with odd characters finds its credentials', async () => {
  await api.call('GET', '/proxy/x', { headers: { ...HEADERS, 'connection-id': "it's/odd" } });
  expect(upstream.requests[0]?.headers.authorization).toBe("Bearer key of it's/odd");
});

test('an upstream that breaks before answering is a 502 without secrets', async () => {
  upstream.answerWith({ breaks: 'at once' });
  const { status, text, body } = await api.call('POST', '/proxy/x', { headers: HEADERS });
  expect([status, body.error.code]).toEqual([502, 'upstream_unreachable']);
  expect(text).not.toContain('key of c1');
});

test('an upstream that breaks in the body breaks the answer', async () => {
  upstream.answerWith({
    json: { long: 'x'.repeat(1_000) },
    breaks: 'in the body',
    headers: { 'content-length': '1020' },
  });
  await expect(api.call('GET', '/proxy/x', { headers: HEADERS })).rejects.toThrow();
  expect((await api.call('GET', '/health')).status).toBe(200);
});

test('a caller that goes away ends the request to the upstream', async () => {
  const closed = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  upstream.handleWith((_request, response) => {
    response.once('close', () => closed.resolve());
    arrived.resolve();
    return undefined;
  });
  const caller = new AbortController();
  const headers = { ...HEADERS, authorization: `Bearer ${api.key}` };
  const gone = fetch(`${api.url}/proxy/slow`, { headers, signal: caller.signal }).catch(() => 'gone');
  await arrived.promise;
  caller.abort();
  await closed.promise;
  expect(await gone).toBe('gone');
});

test('1 GB passes through the proxy in memory that stays flat (U075)', async () => {
  const chunk = Buffer.alloc(1024 * 1024, 7);
  upstream.answerWith({
    body: (async function* () {
      for (let sent = 0; sent < 1024; sent += 1) yield chunk;
    })(),
  });
  const response = await fetch(`${api.url}/proxy/x`, { headers: { ...HEADERS, authorization: `Bearer ${api.key}` } });
  const before = process.memoryUsage.rss();
  let [bytes, peak] = [0, before];
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  expect(bytes).toBe(1024 * 1024 * 1024);
  // The upstream and the reader are in this process too.
  expect(peak - before).toBeLessThan(400 * 1024 * 1024);
}, 180_000);

test('1 GB goes up through the proxy in memory that stays flat', async () => {
  const CHUNKS = 1024;
  let received = 0;
  // Counts instead of keeping: the bytes would be the very memory that is measured.
  const sink = createServer((incoming, response) => {
    incoming.on('data', (part: Buffer) => {
      received += part.length;
    });
    incoming.on('end', () => response.end('taken'));
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  const { port } = sink.address() as AddressInfo;
  const chunk = Buffer.alloc(1024 * 1024, 7);
  const before = process.memoryUsage.rss();
  let peak = before;
  const body = Readable.from(
    (function* () {
      for (let sent = 0; sent < CHUNKS; sent += 1) {
        peak = Math.max(peak, process.memoryUsage.rss());
        yield chunk;
      }
    })(),
  );
  const headers = { ...HEADERS, authorization: `Bearer ${api.key}`, 'base-url-override': `http://127.0.0.1:${port}` };
  const sent = request({ port: api.port, host: '127.0.0.1', method: 'POST', path: '/proxy/upload', headers });
  const [[response]] = await Promise.all([once(sent, 'response'), pipeline(body, sent)]);
  response.resume();
  expect([response.statusCode, received]).toEqual([200, CHUNKS * chunk.length]);
  expect(peak - before).toBeLessThan(400 * 1024 * 1024);
  sink.closeAllConnections();
  await new Promise((resolve) => sink.close(resolve));
}, 180_000);

test('a PUT that meets a passing fault is sent again with its body', async () => {
  upstream.answerWith({ status: 503, headers: { 'retry-after': '0' } }, { json: { second: true } });
  const answer = await api.call('PUT', '/proxy/x', { headers: HEADERS, raw: 'a=1' });
  expect(answer).toMatchObject({ status: 200, body: { second: true } });
  expect(upstream.requests.map(({ body }) => body.toString())).toEqual(['a=1', 'a=1']);
});

test('a long answer streams: its first bytes arrive before its last are made', async () => {
  const release = Promise.withResolvers<void>();
  upstream.answerWith({
    body: (async function* () {
      yield Buffer.from('first');
      await release.promise;
      yield Buffer.from('last');
    })(),
  });
  const response = await fetch(`${api.url}/proxy/x`, { headers: { ...HEADERS, authorization: `Bearer ${api.key}` } });
  const reader = response.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first');
  release.resolve();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('last');
});
