// biome-ignore-all lint/suspicious/noTemplateCurlyInString: provider files write their values so
/** What each key of a provider's entry does that says what people are asked for, and how calls are made. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { checkCredentials } from '../../api/credentials.ts';
import { verifyCredentials } from '../../api/verify-credentials.ts';
import {
  checkConnectionConfig,
  checkCredentialFields,
  checkIntegrationConfig,
} from '../../outbound/auth/connection-config.ts';
import { loadProviders, paginateDefaults } from '../../outbound/catalogue.ts';
import { strictProviderSchema } from '../../outbound/provider.ts';
import { decideRetry } from '../../outbound/retry.ts';
import { KEPT, keysOf, OF_OAUTH2, OF_OTHER_MODES, OF_CALLS, OF_THE_API, OURS } from '../support/grammar-keys.ts';
import { acme, connection, openOutbound } from '../support/outbound.ts';
import { useUpstream } from '../support/upstream.ts';

const GRAMMAR = fileURLToPath(new URL('../fixtures/providers/grammar.yaml', import.meta.url));
const catalogue = loadProviders({ file: GRAMMAR });
const upstream = useUpstream();
const NOW = new Date('2026-01-01T00:00:00Z');
const FIELDS = /^(connection_config|credentials|integration_config)\./;

test('every key of the grammar is in the tables of what it does, and the tables have no other', () => {
  const json = z.toJSONSchema(strictProviderSchema, { io: 'input', unrepresentable: 'any', reused: 'inline' });
  const all = keysOf(json).map((key) => key.replace(FIELDS, 'fields.'));
  const told = [...Object.keys(KEPT), ...OF_OAUTH2, ...OF_OTHER_MODES, ...OF_CALLS, ...OF_THE_API];
  expect(told.toSorted()).toEqual([...new Set(all)].filter((key) => !OURS.test(key)).toSorted());
});

test.each(Object.keys(KEPT))('%s is kept as it is written', (key) => {
  const written = parse(readFileSync(GRAMMAR, 'utf8'))['all-keys'];
  const at = (of: unknown) =>
    key
      .replace('fields.', 'connection_config.domain.')
      .split('.')
      .reduce<unknown>((value, name) => (value as Record<string, unknown>)?.[name], of);
  expect(at(written)).toBeDefined();
  expect(at(catalogue.get('all-keys'))).toEqual(at(written));
});

type Entry = Record<string, unknown>;
const faults = (field: Entry, given?: string) =>
  checkConnectionConfig(
    acme({ connection_config: { x: { type: 'string', ...field } } }),
    given === undefined ? {} : { x: given },
  );
const fault = (field: Entry, given?: string) => faults(field, given).faults[0]?.message;
const value = (field: Entry, given?: string) => faults(field, given).config['x'];

/** What goes on the wire for a call under that `proxy`. */
async function called(proxy: Entry, config: Entry = {}, entry: Entry = {}) {
  const outbound = openOutbound(() => ({
    auth_mode: 'API_KEY',
    ...entry,
    proxy: { base_url: upstream.url, ...proxy },
  }));
  const call = { method: 'GET' as const, endpoint: '/x', ...config };
  const answer = await outbound.request(connection({ apiKey: 'k', token: 't' }), call, {
    signal: AbortSignal.timeout(20_000),
  });
  outbound.close();
  return { request: upstream.requests.at(-1), answer };
}

const waitOf = (retry: Entry, headers: Record<string, string>, status = 429, text = '') => {
  const provider = acme({ proxy: { retry } }).proxy?.retry;
  const rules = { retries: 1, retryOn: [], provider };
  const decision = decideRetry({ status, headers, text: () => text }, { attempt: 0, rules, now: NOW, random: () => 0 });
  return decision.retry ? decision.waitMs : 'none';
};
const IN_BODY = { path: 'error.wait', value: 'in (\\d+) s', strategy: 'after' };
const SAID = JSON.stringify({ error: { wait: 'in 7 s' } });

/** The requests of a verification, of which the last is answered well. */
async function verified(verification: Entry, statuses: readonly number[] = [200]) {
  const entry = {
    auth_mode: 'API_KEY',
    proxy: { base_url: `${upstream.url}/api`, headers: { 'x-key': '${apiKey}' }, verification },
  };
  const outbound = openOutbound(() => entry);
  upstream.answerWith(...statuses.map((status) => ({ status })));
  const credentials = { apiKey: 'k' };
  const of = {
    provider: acme(entry),
    connectionId: 'c1',
    providerConfigKey: 'a',
    connectionConfig: {},
    credentials,
    integration: {},
  };
  await verifyCredentials({ outbound, clock: () => NOW }, of, { credentials, expiresAt: null, refreshAt: null });
  outbound.close();
  return upstream.requests.map(({ method, url, headers, body }) => ({ method, url, headers, body: String(body) }));
}
const urls = async (...of: Parameters<typeof verified>) => (await verified(...of)).map(({ url }) => url);
const handed = (key: string) => async () => {
  const written = parse(readFileSync(GRAMMAR, 'utf8'))['all-keys'].proxy.paginate;
  expect(written).toHaveProperty(key);
  return [(paginateDefaults(catalogue, 'all-keys') as Entry)[key], written[key]] as const;
};

function messageOf(work: () => unknown): string {
  try {
    return String(work());
  } catch (error) {
    return (error as Error).message;
  }
}

/** For each key what comes of it, and what is expected. */
const SHOWN: Readonly<Record<(typeof OF_CALLS)[number], () => Promise<readonly [unknown, unknown]>>> = {
  connection_config: async () => [fault({}), 'is missing: expected a value'],
  credentials: async () => [
    checkCredentialFields(acme({ credentials: { key: { type: 'string' } } }), {}).faults[0]?.path,
    ['credentials', 'key'],
  ],
  integration_config: async () => [
    checkIntegrationConfig(acme({ integration_config: { app: { type: 'string' } } }), {}).faults[0]?.path,
    ['integration_config', 'app'],
  ],
  connection_configuration: async () => [
    checkConnectionConfig(acme({ connection_configuration: ['domain'] }), {}).faults[0]?.path,
    ['connection_config', 'domain'],
  ],
  'fields.title': async () => [fault({ title: 'Your domain' }), 'is missing: expected Your domain'],
  'fields.example': async () => [fault({ example: 'acme' }), "is missing: expected a value, such as 'acme'"],
  'fields.pattern': async () => [
    [fault({ pattern: '^[a-z]+$' }, 'A1'), fault({ pattern: '^[a-z]+$' }, 'a')],
    ['expected a value', undefined],
  ],
  'fields.optional': async () => [fault({ optional: true }), undefined],
  'fields.format': async () => [
    [fault({ format: 'hostname' }, 'a b'), fault({ format: 'hostname' }, 'a.example')],
    ['expected a hostname', undefined],
  ],
  'fields.default_value': async () => [value({ default_value: 'eu' }), 'eu'],
  'fields.prefix': async () => [value({ prefix: 'https://' }, 'https://acme'), 'acme'],
  'fields.suffix': async () => [value({ suffix: '.example.com' }, 'acme.example.com'), 'acme'],
  'fields.automated': async () => [fault({ automated: true }), undefined],
  'fields.enum': async () => [fault({ enum: ['eu', 'us'] }, 'asia'), "expected a value, one of 'eu', 'us'"],
  'fields.visible_when': async () => [fault({ visible_when: { field: 'kind', value: 'custom' } }), undefined],
  proxy_header_authorization: async () => [
    (await called({}, {}, { proxy_header_authorization: 'Token ${token}' })).request?.headers.authorization,
    'Token t',
  ],
  require_client_certificate: async () => {
    const provider = acme({ auth_mode: 'OAUTH2_CC', require_client_certificate: true });
    return [
      messageOf(() => checkCredentials(provider, { client_id: 'a', client_secret: 'b' })),
      expect.stringContaining('client_certificate'),
    ];
  },
  proxy: async () => [(await called({})).request?.url, '/x'],
  'proxy.base_url': async () => [
    (await called({ base_url: `\${connectionConfig.none} || ${upstream.url}/v2` })).request?.url,
    '/v2/x',
  ],
  'proxy.headers': async () => [
    (await called({ headers: { 'x-key': '${apiKey}', 'x-n': 2 } })).request?.headers,
    expect.objectContaining({ 'x-key': 'k', 'x-n': '2' }),
  ],
  'proxy.query': async () => [(await called({ query: { key: '${apiKey}' } })).request?.url, '/x?key=k'],
  'proxy.body': async () => [
    String((await called({ body: { key: '${apiKey}' } }, { method: 'POST', data: { a: 1 } })).request?.body),
    '{"key":"k","a":1}',
  ],
  'proxy.retry': async () => [waitOf({}, { 'retry-after': '3' }), 3_000],
  'proxy.retry.at': async () => [waitOf({ at: 'x-reset' }, { 'x-reset': String(NOW.getTime() / 1_000 + 60) }), 60_000],
  'proxy.retry.after': async () => [waitOf({ after: ['x-a', 'x-b'] }, { 'x-a': '1', 'x-b': '2' }), 2_000],
  'proxy.retry.remaining': async () => [
    [
      waitOf({ remaining: 'x-left' }, { 'x-left': '0', 'retry-after': '4' }, 403),
      waitOf({ remaining: 'x-left' }, { 'x-left': '1' }, 403),
    ],
    [4_000, 'none'],
  ],
  'proxy.retry.error_code': async () => [
    [403, 500, 502, 429].map((status) => waitOf({ error_code: ['403', '500-501'] }, { 'retry-after': '1' }, status)),
    [1_000, 1_000, 'none', 'none'],
  ],
  'proxy.retry.in_body': async () => [waitOf({ in_body: IN_BODY }, {}, 429, SAID), 7_000],
  'proxy.retry.in_body.path': async () => [waitOf({ in_body: { ...IN_BODY, path: 'none' } }, {}, 429, SAID), 500],
  'proxy.retry.in_body.value': async () => [
    waitOf({ in_body: { ...IN_BODY, value: '/in (\\d+) s/' } }, {}, 429, SAID),
    7_000,
  ],
  'proxy.retry.in_body.strategy': async () => [
    waitOf(
      { in_body: { path: 'at', value: '(.*)', strategy: 'at' } },
      {},
      429,
      JSON.stringify({ at: NOW.getTime() / 1_000 + 9 }),
    ),
    9_000,
  ],
  'proxy.decompress': async () => {
    const outbound = openOutbound(() => ({ proxy: { base_url: upstream.url, decompress: true } }));
    upstream.answerWith({ body: new Uint8Array(gzipSync('plain')), headers: { 'content-encoding': 'gzip' } });
    const call = { method: 'GET', path: '/x', headers: {}, body: undefined };
    const { body } = await outbound.stream(connection(), call, AbortSignal.timeout(20_000));
    const text = Buffer.concat(await body.toArray()).toString();
    outbound.close();
    return [text, 'plain'];
  },
  'proxy.forward_headers_on_redirect': async () => {
    const kept: unknown[] = [];
    for (const forward of [false, true]) {
      // The same place by another name is another host.
      upstream.answerWith({
        status: 302,
        headers: { location: `${upstream.url.replace('127.0.0.1', 'localhost')}/there` },
      });
      const outbound = openOutbound(
        () => ({ proxy: { base_url: upstream.url, forward_headers_on_redirect: forward, headers: { 'x-key': 'k' } } }),
        { allow: ['127.0.0.1', 'localhost'] },
      );
      await outbound.request(connection(), { method: 'GET', endpoint: '/x' }, { signal: AbortSignal.timeout(20_000) });
      outbound.close();
      kept.push(upstream.requests.at(-1)?.headers['x-key']);
    }
    return [kept, [undefined, 'k']];
  },
  'proxy.paginate': async () => [paginateDefaults(catalogue, 'one-token-url'), undefined],
  'proxy.paginate.type': handed('type'),
  'proxy.paginate.response_path': handed('response_path'),
  'proxy.paginate.limit': handed('limit'),
  'proxy.paginate.limit_name_in_request': handed('limit_name_in_request'),
  'proxy.paginate.in_body': handed('in_body'),
  'proxy.paginate.cursor_path_in_response': handed('cursor_path_in_response'),
  'proxy.paginate.cursor_name_in_request': handed('cursor_name_in_request'),
  'proxy.paginate.link_rel_in_response_header': handed('link_rel_in_response_header'),
  'proxy.paginate.link_path_in_response_body': handed('link_path_in_response_body'),
  'proxy.paginate.offset_name_in_request': handed('offset_name_in_request'),
  'proxy.paginate.offset_start_value': handed('offset_start_value'),
  'proxy.paginate.offset_calculation_method': handed('offset_calculation_method'),
  'proxy.verification': async () => [await urls({}), []],
  'proxy.verification.method': async () => [
    (await verified({ method: 'POST', endpoints: ['/me'] }))[0]?.method,
    'POST',
  ],
  'proxy.verification.endpoint': async () => [await urls({ endpoint: '/me' }), ['/api/me']],
  'proxy.verification.endpoints': async () => [
    await urls({ endpoints: ['/me?k=${apiKey}', '/you'] }, [403, 200]),
    ['/api/me?k=k', '/api/you'],
  ],
  'proxy.verification.headers': async () => [
    (await verified({ endpoints: ['/me'], headers: { 'x-check': '${apiKey}' } }))[0]?.headers,
    expect.objectContaining({ 'x-check': 'k', 'x-key': 'k' }),
  ],
  'proxy.verification.data': async () => [
    (await verified({ method: 'POST', endpoints: ['/me'], data: { key: '${apiKey}', n: 1 } }))[0]?.body,
    '{"key":"k","n":1}',
  ],
  'proxy.verification.base_url_override': async () => [
    await urls({ endpoints: ['/me'], base_url_override: `${upstream.url}/auth` }),
    ['/auth/me'],
  ],
};

test.each(Object.entries(SHOWN))('%s acts', async (_, show) => {
  const [shown, expected] = await show();
  expect(shown).toEqual(expected);
});
