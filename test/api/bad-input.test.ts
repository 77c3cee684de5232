/** What no document allows, through every endpoint: defined answers, and nothing left behind. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { addressOf, complete, keyedOf, sendDescribed } from '../support/described.ts';

const LIMIT = 20_000;
const api = useApi({ bodyBytes: LIMIT });
const withBody = async () => (await keyedOf(api)).filter(({ operation }) => operation.requestBody !== undefined);

/** How many rows each table has that a refused request could have written. */
async function rows(): Promise<unknown> {
  const tables = ['integrations', 'connections', 'connect_sessions', 'runs', 'api_keys', 'scripts', 'webhook_settings'];
  const counts = tables.map((table) => `(select count(*)::int from ${table}) as ${table}`);
  return (await api.db.query(`select ${counts.join(', ')}`)).rows[0];
}

test('a body over the limit is refused by every endpoint that reads one', async () => {
  const before = await rows();
  const faults: string[] = [];
  for (const one of await withBody()) {
    const request = complete(one);
    const body = { ...(request.body as object), padding: 'x'.repeat(LIMIT) };
    const { status, body: answer } = await sendDescribed(api, one, { ...request, body });
    if (status !== 413 || !answer.error.message.includes(String(LIMIT))) faults.push(`${one.name}: ${status}`);
  }
  expect(faults).toEqual([]);
  expect(await rows()).toEqual(before);
});

test.each([
  ['a strange character set', { 'content-type': 'application/json; charset=iso-8859-1' }],
  ['a strange encoding', { 'content-encoding': 'snappy' }],
  ['an encoding that it has not', { 'content-encoding': 'gzip' }],
])('%s of a body is refused by every endpoint that reads one', async (_, headers) => {
  const before = await rows();
  const faults: string[] = [];
  for (const one of await withBody()) {
    const request = complete(one);
    const raw = JSON.stringify(request.body);
    const sent = { raw, headers: { 'content-type': 'application/json', ...request.headers, ...headers } };
    const { status, body } = await api.call(one.method, addressOf(one, request), sent);
    if (status !== 400 && status !== 415) faults.push(`${one.name}: ${status} ${body?.error?.code}`);
  }
  expect(faults).toEqual([]);
  expect(await rows()).toEqual(before);
});

// What Postgres refuses goes everywhere; of the others each place gets one.
const REFUSED = ['\u0000', '\ud800'];
const ODD = ['a/b', '../../etc/passwd', '%2e%2e', 'a%', 'a:b', `'"`, '😀', '\\', 'x'.repeat(300)];

test('odd texts in every place of a query and a body are data: a known answer, no failure of the server', async () => {
  const faults: string[] = [];
  let turn = 0;
  for (const one of await keyedOf(api)) {
    const request = complete(one);
    const schema = one.operation.requestBody?.content['application/json']?.schema;
    const keys = Object.keys((schema?.['properties'] as object | undefined) ?? {});
    const queries = one.operation.parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
    turn += 1;
    for (const odd of [...REFUSED, ODD[turn % ODD.length] ?? '']) {
      const variants = [
        ...keys.map((key) => ({ ...request, body: { ...(request.body as object), [key]: odd } })),
        ...queries.map((key) => ({ ...request, query: { ...request.query, [key]: odd } })),
      ];
      for (const variant of variants) {
        const { status, text } = await sendDescribed(api, one, variant);
        if (status >= 500 || !(String(status) in one.operation.responses))
          faults.push(`${addressOf(one, variant)} ${JSON.stringify(variant.body)}: ${status} ${text}`.slice(0, 300));
      }
    }
  }
  expect(faults).toEqual([]);
});

test('odd texts in every header that is read are data: a known answer, no failure of the server', async () => {
  const faults: string[] = [];
  // What a header can hold, and clients send: bytes, of which the rest is percent-encoded by nobody.
  const inHeaders = [...ODD.filter((text) => /^[ -ÿ]*$/.test(text)), 'ÿ', '%00', '%ff', 'true, false', '-1', '1e9'];
  for (const one of await keyedOf(api)) {
    const request = complete(one);
    for (const { name } of one.operation.parameters.filter((parameter) => parameter.in === 'header')) {
      for (const odd of inHeaders) {
        const { status, text } = await sendDescribed(api, one, {
          ...request,
          headers: { ...request.headers, [name]: odd },
        });
        if (status >= 500 || !(String(status) in one.operation.responses))
          faults.push(`${one.name} ${name}: ${odd}: ${status} ${text}`.slice(0, 300));
      }
    }
  }
  expect(faults).toEqual([]);
});

test('a body is read as JSON whatever its content type says: the same answer by every endpoint', async () => {
  const faults: string[] = [];
  for (const one of await withBody()) {
    const request = complete(one);
    const raw = '{"of no use":';
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'no type',
    ]) {
      const sent = { raw, headers: { ...request.headers, 'content-type': type } };
      const { status, body } = await api.call(one.method, addressOf(one, request), sent);
      if (status !== 400 || body.error.code !== 'invalid_body') faults.push(`${one.name} ${type}: ${status}`);
    }
  }
  expect(faults).toEqual([]);
});

test.each([
  '/../secret',
  '/records/..%2f..%2fetc%2fpasswd',
  '//records',
  '/.%2e/.%2e/etc/passwd',
  '/records%00',
  '/%ff',
])('the path trick %s finds nothing', async (path) => {
  const socket = connect(api.port, '127.0.0.1');
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.key}\r\nconnection: close\r\naccept: */*\r\n\r\n`,
  );
  let text = '';
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  await once(socket, 'close');
  expect(text).toMatch(/^HTTP\/1\.1 40[04] /);
});

test('a caller that goes away in the middle of a body leaves nothing, at whatever endpoint', async () => {
  const before = await rows();
  for (const one of await withBody()) {
    const request = complete(one);
    const half = JSON.stringify(request.body).slice(0, -1);
    const headers = Object.entries(request.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(api.port, '127.0.0.1');
    const head = `${one.method} ${addressOf(one, request)} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.key}\r\n`;
    socket.end(`${head}${headers.join('')}content-type: application/json\r\ncontent-length: 9000\r\n\r\n${half}`);
    socket.resume();
    await once(socket, 'close');
  }
  expect((await api.call('GET', '/health')).status).toBe(200);
  expect(await rows()).toEqual(before);
  expect(api.events.filter(({ event }) => event === 'request.failed')).toEqual([]);
});
