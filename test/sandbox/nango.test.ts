import { expect, test } from '@jest/globals';
import { EngineError } from '../../contract/failures.ts';
import { action, SYNC, sync, useSandbox } from './use-sandbox.ts';

const { run, outputOf } = useSandbox();

const answering =
  (status: number, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  async () => ({ value: { status, statusText: 'Text', headers }, body });

test('the properties of the run are there, and unknown members are plainly undefined', async () => {
  const body = `return { c: nango.connectionId, k: nango.providerConfigKey, p: nango.provider, e: nango.environmentName, cli: nango.isCLI,
    none: typeof nango.fixtureProvider, in: 'fixtureProvider' in nango, known: 'get' in nango, last: typeof nango.lastSyncDate };`;
  expect(await outputOf(body)).toEqual({
    ...{ c: 'acme', k: 'tracker', p: 'tracker', e: 'dev', cli: false },
    ...{ none: 'undefined', in: false, known: true, last: 'undefined' },
  });
});

test.each([
  [null, 'null null base'],
  ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z true base'],
])('lastSyncDate %s is a Date or null', async (lastSyncDate, line) => {
  const body =
    'const d = nango.lastSyncDate; await nango.log(d && d.toISOString(), d && d instanceof Date, nango.variant);';
  const { calls } = await run(sync(body), { ...SYNC, context: { ...SYNC.context, lastSyncDate } });
  expect(calls[0]?.args['message']).toBe(line);
});

test('members survive destructuring and computed calls', async () => {
  const body = `const { get, log } = nango; await log('x'); const method = 'post'; await nango[method]({ endpoint: '/p' });
    return (await get({ endpoint: '/g' })).data.asked;`;
  expect(await outputOf(body)).toEqual({ endpoint: '/g', method: 'GET' });
});

test('a request carries what the author asked for, and nothing undefined', async () => {
  const config = `{ endpoint: 'v1/x', params: { a: [1, 'b'], n: null, u: undefined, d: new Date(0), t: true }, headers: { 'X-V': 2, no: undefined },
    retries: 3, retryOn: [404], baseUrlOverride: 'https://other.example', responseType: 'json', data: { deep: [1, { x: null }] } }`;
  expect(await outputOf(`return (await nango.put(${config})).data.asked;`)).toEqual({
    endpoint: 'v1/x',
    method: 'PUT',
    params: { a: [1, 'b'], d: '1970-01-01T00:00:00.000Z', t: true },
    headers: { 'X-V': '2' },
    retries: 3,
    retryOn: [404],
    baseUrlOverride: 'https://other.example',
    responseType: 'json',
    data: { deep: [1, { x: null }] },
  });
});

test.each([
  ["new URLSearchParams({ a: 'b c' })", 'a=b+c', { 'content-type': 'application/x-www-form-urlencoded;charset=utf-8' }],
  ["Buffer.from('hé')", { base64: 'aMOp' }, undefined],
  ['new Uint8Array([1, 2]).buffer', { base64: 'AQI=' }, undefined],
  ["'plain text'", 'plain text', undefined],
  ['[1, 2]', [1, 2], undefined],
  ['undefined', undefined, undefined],
])('request data %s is sent as it is meant', async (data, sent, headers) => {
  const asked = await outputOf(`return (await nango.post({ endpoint: '/x', data: ${data} })).data.asked;`);
  expect(asked).toEqual({
    endpoint: '/x',
    method: 'POST',
    ...(sent === undefined ? {} : { data: sent }),
    ...(headers && { headers }),
  });
});

test('an object becomes a form where the content type says so', async () => {
  const config =
    "{ endpoint: '/x', data: { a: 'b&c', n: 1 }, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }";
  expect(await outputOf(`return (await nango.post(${config})).data.asked.data;`)).toBe('a=b%26c&n=1');
});

test.each([
  ["''", '{"a":1}', { a: 1 }],
  ["''", 'no json', 'no json'],
  ["''", '', ''],
  ["'text'", '{"a":1}', '{"a":1}'],
  ["'json'", '[1]', [1]],
])('response type %s reads %s', async (responseType, text, data) => {
  const body = `return (await nango.get({ endpoint: '/x', responseType: ${responseType} || undefined })).data;`;
  expect(await outputOf(body, { host: { request: answering(200, text) } })).toEqual(data);
});

test('an arraybuffer answer arrives byte for byte', async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  const body =
    "const { data } = await nango.get({ endpoint: '/x', responseType: 'arraybuffer' }); return [Buffer.isBuffer(data), data.toString('hex')];";
  const hex = Buffer.from(bytes).toString('hex');
  expect(await outputOf(body, { host: { request: answering(200, bytes) } })).toEqual([true, hex]);
});

test('text keeps every character on its way in and out', async () => {
  const text = 'é😀\u0000\ud800 end';
  const body = "const { data } = await nango.get({ endpoint: '/x', responseType: 'text' }); return data;";
  expect(await outputOf(body, { host: { request: answering(200, text) } })).toBe('é😀\u0000\ufffd end');
});

test('a status of 400 and more throws an error in axios shape, without the secrets of the request', async () => {
  const body = `try { await nango.get({ endpoint: '/x', headers: { Authorization: 'Bearer secret', accept: 'a' } }); } catch (e: any) {
    return { m: e.message, a: e.isAxiosError, c: e.code, s: e.response.status, d: e.response.data, h: e.response.headers, cfg: e.config.headers, i: e instanceof Error,
      all: JSON.stringify(e).includes('secret') || String(e.stack).includes('secret') }; }`;
  const host = { request: answering(404, '{"why":"gone"}', { 'x-a': 'b' }) };
  expect(await outputOf(body, { host })).toEqual({
    m: 'Request failed with status code 404',
    ...{ a: true, c: 'ERR_BAD_REQUEST', s: 404, d: { why: 'gone' }, h: { 'x-a': 'b' }, i: true, all: false },
    cfg: { Authorization: '***', accept: 'a' },
  });
});

test('a server error is a bad response, and nothing answering is an error with the code of its reason', async () => {
  const body =
    "try { await nango.get({ endpoint: '/x' }); } catch (e: any) { return [e.code, e.isAxiosError, e.response?.status ?? null]; }";
  expect(await outputOf(body, { host: { request: answering(503, '') } })).toEqual(['ERR_BAD_RESPONSE', true, 503]);
  const request = async (): Promise<never> => {
    throw new EngineError('upstream_unreachable', 'nobody there');
  };
  expect(await outputOf(body, { host: { request } })).toEqual(['upstream_unreachable', true, null]);
});

test('a request without an endpoint or with a wrong option is refused with its reason', async () => {
  const body = `const why: string[] = [];
    for (const config of [undefined, {}, { endpoint: 5 }, { endpoint: '/x', retries: 'many' }, { endpoint: '/x', data: () => 1 }]) {
      try { await nango.get(config); } catch (e: any) { why.push(e.message); }
    }
    return why;`;
  expect(await outputOf(body)).toEqual([
    expect.stringMatching(/a configuration object/),
    expect.stringMatching(/endpoint 'undefined'/),
    expect.stringMatching(/endpoint '5'/),
    expect.stringMatching(/config\.retries/),
    expect.stringMatching(/Request data/),
  ]);
});

test('connection, token and metadata come from the connection', async () => {
  const body = `const connection = await nango.getConnection('other', 'c2');
    await nango.setMetadata({ a: 1 }); await nango.updateMetadata({ b: 2 });
    return [connection.connection_id, await nango.getToken(), await nango.getMetadata()];`;
  const { outcome, calls } = await run(action(body));
  expect(outcome).toMatchObject({ output: '["acme","a-token",{"team":"blue"}]' });
  expect(calls.map(({ kind, args }) => [kind, args])).toEqual([
    ['getConnection', { providerConfigKey: 'other', connectionId: 'c2' }],
    ['setMetadata', { metadata: { a: 1 } }],
    ['updateMetadata', { metadata: { b: 2 } }],
    ['getConnection', {}],
    ['getConnection', {}],
  ]);
});

test.each([
  [{ type: 'API_KEY', apiKey: 'k' }, 'k'],
  [
    { type: 'BASIC', username: 'u', password: 'p' },
    { username: 'u', password: 'p' },
  ],
  [{ type: 'OAUTH2_CC', token: 't' }, 't'],
  [
    { type: 'OAUTH1', oauth_token: 'a', oauth_token_secret: 'b' },
    { oAuthToken: 'a', oAuthTokenSecret: 'b' },
  ],
])('getToken of %j', async (credentials, token) => {
  const view = {
    id: 1,
    connection_id: 'c',
    provider_config_key: 'k',
    provider: 'p',
    connection_config: {},
    metadata: {},
    created_at: '',
    updated_at: '',
  };
  const getConnection = async () => ({ value: { ...view, credentials } });
  expect(await outputOf('return await nango.getToken();', { host: { getConnection } })).toEqual(token);
});

test('zodValidateInput answers zod’s success, or logs each issue and throws an ActionError', async () => {
  const code = `import { z } from 'zod';
    export default async function runAction(nango: any, input: any) {
      const ok = await nango.zodValidateInput({ zodSchema: z.object({ a: z.number() }), input: { a: 1 } });
      await nango.log(JSON.stringify(ok), typeof nango.zod.string);
      await nango.zodValidateInput({ zodSchema: z.object({ a: z.number(), b: z.string() }), input: {} });
    }`;
  const { outcome, calls } = await run(code);
  expect(calls.map(({ args }) => args['message'])).toEqual([
    '{"success":true,"data":{"a":1}} function',
    expect.stringMatching(/Invalid input at 'a'/),
    expect.stringMatching(/Invalid input at 'b'/),
  ]);
  expect(outcome).toMatchObject({ failure: { code: 'action_failed' } });
});

test('a log line never fails a run, whatever it is given', async () => {
  const body = `const a: any = { name: 'loop' }; a.self = a;
    await nango.log(a, 1n, Symbol('s'), undefined, null, () => 1, new Error('e'), { n: 2n, s: Symbol('t') });
    await nango.log(new Proxy({}, { get() { throw new Error(); }, ownKeys() { throw new Error(); } }));
    await nango.log('quiet', { level: 'debug' }); await nango.log('odd', { level: 'nonsense' });
    await nango.log('😀'.repeat(300_000));
    console.warn('careful', { x: 1 }); console.table('t'); console.time('x');`;
  const { outcome, calls } = await run(action(body));
  expect(outcome.status).toBe('completed');
  const lines = calls.map(({ args }) => [args['level'], String(args['message'])] as const);
  expect(lines[0]?.[1]).toMatch(
    /^\{"name":"loop","self":"\[circular\]"\} 1 Symbol\(s\) undefined null .* Error: e \{"n":"2n","s":"Symbol\(t\)"\}$/,
  );
  expect(lines[1]?.[1]).toBe('[a value that cannot be printed]');
  expect(lines[2]).toEqual(['debug', 'quiet']);
  expect(lines[3]).toEqual(['info', 'odd {"level":"nonsense"}']);
  expect(Buffer.byteLength(lines[4]?.[1] ?? '')).toBeLessThanOrEqual(65_536);
  expect(lines[4]?.[1]).toMatch(/^(😀)+… \(cut\)$/u);
  expect(lines.slice(5)).toEqual([
    ['warn', 'careful {"x":1}'],
    ['info', 't'],
  ]);
});

test('a log the host refuses does not fail the run', async () => {
  const log = async (): Promise<never> => {
    throw new EngineError('payload_too_large', 'no');
  };
  expect(await outputOf('await nango.log("x"); return 1;', { host: { log } })).toBe(1);
});
