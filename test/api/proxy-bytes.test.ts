import { once } from 'node:events';
import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { createTracker } from '../support/deployment.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const api = useApi();
const HEADERS = { 'provider-config-key': 'bytes', 'connection-id': 'c1' };
const PLAIN = Buffer.from('something to say '.repeat(200));

beforeAll(() => createTracker(api, 'bytes', ['c1'], upstream.url));

/** The answer as it comes over the wire, on a connection that is closed behind it. */
async function raw(method: string, headers: Record<string, string> = {}) {
  const socket = connect(api.port, '127.0.0.1');
  const lines = Object.entries({ ...HEADERS, authorization: `Bearer ${api.key}`, connection: 'close', ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}`).join('\r\n');
  socket.write(`${method} /proxy/x HTTP/1.1\r\nhost: localhost\r\n${head}\r\n\r\n`);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  const answer = Buffer.concat(chunks);
  const end = answer.indexOf('\r\n\r\n');
  const [first = '', ...rest] = answer.subarray(0, end).toString().split('\r\n');
  const named = rest.map((line) => [line.split(':')[0]?.toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]);
  return { status: first.split(' ')[1], headers: Object.fromEntries(named), body: answer.subarray(end + 4) };
}

test.each([
  ['gzip', gzipSync(PLAIN)],
  ['br', brotliCompressSync(PLAIN)],
  ['deflate', deflateSync(PLAIN)],
  ['identity', PLAIN],
])('an answer in %s passes with the length and the encoding of its bytes (U090)', async (encoding, bytes) => {
  upstream.answerWith({ headers: { 'content-encoding': encoding, 'content-length': bytes.length }, body: bytes });
  const { headers, body } = await raw('GET');
  expect([headers['content-encoding'], headers['content-length']]).toEqual([encoding, String(bytes.length)]);
  expect(body.equals(bytes)).toBe(true);
});

test.each([
  ['gzip', gzipSync(PLAIN)],
  ['br', brotliCompressSync(PLAIN)],
  ['deflate', deflateSync(PLAIN)],
])('one in %s that is decoded on the way has neither length nor encoding of before (U090)', async (encoding, bytes) => {
  upstream.answerWith({ headers: { 'content-encoding': encoding, 'content-length': bytes.length }, body: bytes });
  const { headers, body } = await raw('GET', { decompress: 'true' });
  expect(headers).not.toHaveProperty('content-encoding');
  expect(headers).not.toHaveProperty('content-length');
  expect(body.toString()).toContain(PLAIN.toString().slice(0, 1_000));
});

test.each([
  ['HEAD', 200],
  ['GET', 204],
  ['GET', 304],
])('a %s answered %i has no body, and says no length that is waited for (U090)', async (method, status) => {
  upstream.answerWith({ status, headers: method === 'HEAD' ? { 'content-length': 7 } : {} });
  const answer = await raw(method);
  expect([answer.status, answer.body.length]).toEqual([String(status), 0]);
  expect(answer.headers['content-length']).toBe(method === 'HEAD' ? '7' : undefined);
});

const noise = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 131) % 256));
test.each<[string, Buffer]>([
  ['image/png', Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), noise])],
  ['image/jpeg', Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), noise])],
  ['application/pdf', Buffer.concat([Buffer.from('%PDF-1.7\r\n%\u00e2\u00e3', 'latin1'), noise])],
  ['application/x-www-form-urlencoded', Buffer.from('a=1&a=2&b=%2F+%20&c')],
  ['application/json', Buffer.from('{"a": 1.0, "b": 12345678901234567890}')],
  ['text/plain', Buffer.alloc(0)],
])('a body of %s reaches the API as it is (U091)', async (type, bytes) => {
  await fetch(`${api.url}/proxy/upload`, {
    method: 'POST',
    body: new Uint8Array(bytes),
    headers: { ...HEADERS, authorization: `Bearer ${api.key}`, 'content-type': type },
  });
  const [received] = upstream.requests;
  expect(received?.headers).toMatchObject({ 'content-type': type });
  expect(received?.body.equals(bytes)).toBe(true);
});
