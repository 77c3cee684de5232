// biome-ignore-all lint/suspicious/noTemplateCurlyInString: provider files write their values so
import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { loadProviders } from '../../outbound/catalogue.ts';
import { AUTH_MODES, strictProviderSchema } from '../../outbound/provider.ts';
import { keysOf } from '../support/grammar-keys.ts';
import { openOutbound } from '../support/outbound.ts';
import { useUpstream } from '../support/upstream.ts';

const GRAMMAR = fileURLToPath(new URL('../fixtures/providers/grammar.yaml', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'grammar-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The dotted keys that a value of that schema has, in the same spelling. */
function usedKeys(value: unknown, allowed: ReadonlySet<string>, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const isKey = allowed.has(prefix + key);
    return [...(isKey ? [prefix + key] : []), ...usedKeys(inner, allowed, isKey ? `${prefix}${key}.` : prefix)];
  });
}

test('the fixture uses every key of the grammar and loads without a warning', () => {
  const catalogue = loadProviders({ file: GRAMMAR });
  expect(catalogue.warnings).toEqual([]);
  const json = z.toJSONSchema(strictProviderSchema, { io: 'input', unrepresentable: 'any', reused: 'inline' });
  const allowed = new Set(keysOf(json));
  const used = new Set(usedKeys(catalogue.get('all-keys'), allowed));
  expect(allowed.size).toBeGreaterThan(120);
  expect([...allowed].filter((key) => !used.has(key))).toEqual([]);
});

test('an alias has all of it under its own name, and a header may stand alone or in a list', () => {
  const catalogue = loadProviders({ file: GRAMMAR });
  const { name: _, display_name: __, ...all } = catalogue.get('all-keys');
  expect(catalogue.get('an-alias')).toEqual({ ...all, name: 'an-alias', display_name: 'Another Name' });
  expect(catalogue.get('one-token-url').proxy?.retry).toEqual({ at: ['x-reset'] });
});

test.each(AUTH_MODES)('an entry of mode %s loads', (mode) => {
  const file = join(folder, `${mode}.yaml`);
  writeFileSync(file, `acme:\n  auth_mode: ${mode}\n`);
  expect(loadProviders({ file }).get('acme')).toEqual({ name: 'acme', auth_mode: mode });
});

test("an operator's file may have keys of another release: they are kept, and named with their place", () => {
  const file = join(folder, 'newer.yaml');
  writeFileSync(file, 'acme:\n  auth_mode: NONE\n  colour: red\n  proxy:\n    retry: { later: [a] }\n');
  const catalogue = loadProviders({ file });
  expect(catalogue.get('acme')).toEqual({
    name: 'acme',
    auth_mode: 'NONE',
    colour: 'red',
    proxy: { retry: { later: ['a'] } },
  });
  expect(catalogue.warnings).toEqual([
    "newer.yaml:3:3 Provider 'acme': 'colour' is no key of the grammar and is not used",
    "newer.yaml:5:14 Provider 'acme': 'proxy.retry.later' is no key of the grammar and is not used",
  ]);
});

test('an expression that nothing can fill in is named with its place', () => {
  const file = join(folder, 'typos.yaml');
  const headers =
    '      x: Basic ${base64(${apiKey}:${conectionConfig.key})}\n      y: ${md5(${token})} || ${aPiKey}\n';
  writeFileSync(file, `acme:\n  auth_mode: API_KEY\n  proxy:\n    headers:\n${headers}`);
  expect(loadProviders({ file }).warnings).toEqual([
    "typos.yaml:5:7 Provider 'acme': '${conectionConfig.key}' in 'proxy.headers.x' is nothing that can be filled in",
    "typos.yaml:6:7 Provider 'acme': '${aPiKey}' in 'proxy.headers.y' is nothing that can be filled in",
    "typos.yaml:6:7 Provider 'acme': '${md5(…)}' in 'proxy.headers.y' is nothing that can be filled in",
  ]);
});

const upstream = useUpstream();
const entry = () => ({
  ...loadProviders({ file: GRAMMAR }).get('all-keys'),
  proxy: {
    ...loadProviders({ file: GRAMMAR }).get('all-keys').proxy,
    base_url: '${connectionConfig.unset} || ${connectionConfig.url}',
  },
});

const connection = () => ({
  id: 1,
  provider: 'acme',
  providerConfigKey: 'acme-dev',
  connectionId: 'c1',
  connectionConfig: { url: upstream.url },
  credentials: { username: 'ada', password: 'pw', apiKey: 'k1', access_token: 't1' },
});

test('a wait that only the body names is waited', async () => {
  const outbound = openOutbound(entry);
  upstream.answerWith({ status: 429, json: { error: { message: 'Too many calls, retry in 4s' } } });
  const config = { method: 'GET' as const, endpoint: '/tasks', retries: 1 };
  const { head } = await outbound.request(connection(), config, { signal: AbortSignal.timeout(10_000) });
  outbound.close();
  expect([head.status, outbound.waits]).toEqual([200, [4_000]]);
});

test('a call carries what the entry says of headers, query and body, signed over the call itself', async () => {
  const outbound = openOutbound(entry);
  const config = { method: 'POST' as const, endpoint: '/tasks?a=1', data: { title: 'One', version: 3 } };
  await outbound.request(connection(), config, { signal: AbortSignal.timeout(10_000) });
  outbound.close();
  const [request] = upstream.requests;
  expect(request?.url).toBe('/tasks?a=1&api-version=7.1&key=k1');
  const body = '{"token":"t1","version":3,"title":"One"}';
  expect(request?.body.toString()).toBe(body);
  const signed = `POST${new URL(upstream.url).host}/tasksa=1&api-version=7.1&key=k1${body}`;
  expect(request?.headers).toMatchObject({
    authorization: `Basic ${Buffer.from('ada:pw').toString('base64')}`,
    date: 'Thu, 01 Jan 2026 00:00:00 +0000',
    'x-signature': createHmac('sha1', 'pw').update(signed).digest('hex'),
    'x-hash': createHash('sha256').update('/tasks?a=1').digest('hex'),
    'x-nonce': expect.stringMatching(/^[0-9a-f]{32}$/),
    'x-version': '2',
  });
});
