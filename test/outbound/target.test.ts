// biome-ignore-all lint/suspicious/noTemplateCurlyInString: provider files write their values so
import { expect, test } from '@jest/globals';
import { encodeParams, targetUrl } from '../../outbound/target.ts';
import { party } from '../support/outbound.ts';

const acme = party({ proxy: { base_url: 'https://api.example.com/v1/' } });

test.each([
  ['/tasks', 'https://api.example.com/v1/tasks'],
  ['tasks', 'https://api.example.com/v1/tasks'],
  ['', 'https://api.example.com/v1'],
  ['?a=1', 'https://api.example.com/v1?a=1'],
  ['https://api.example.com/v1/tasks', 'https://api.example.com/v1/tasks'],
  ['https://api.example.com/v2/next?page=2', 'https://api.example.com/v2/next?page=2'],
  ['//evil.example/x', 'https://api.example.com/v1//evil.example/x'],
  ['@evil.example/x', 'https://api.example.com/v1/@evil.example/x'],
  ['/tasks#part', 'https://api.example.com/v1/tasks'],
  ['/q?a=1&a=2&b[]=3&c=%2F+%20&d', 'https://api.example.com/v1/q?a=1&a=2&b[]=3&c=%2F+%20&d'],
])('endpoint %p goes to %s (U092)', (endpoint, expected) => {
  expect(targetUrl(acme, { endpoint }).href).toBe(expected);
});

test.each([
  'https://evil.example/v1/tasks',
  'https://api.example.com.evil.example/',
  'http://api.example.com/v1',
  'file:///etc/passwd',
])('absolute endpoint %s on another host is refused', (endpoint) => {
  expect(() => targetUrl(acme, { endpoint })).toThrow(/expected a path under 'https:\/\/api.example.com'/);
});

test('params follow the query that the endpoint has', () => {
  expect(targetUrl(acme, { endpoint: '/q?a=1', params: { b: 2 } }).search).toBe('?a=1&b=2');
  expect(targetUrl(acme, { endpoint: '/q?', params: 'b=%2F' }).search).toBe('?b=%2F');
});

test.each([
  [{ a: [1, 2], b: true }, 'a=1&a=2&b=true'],
  [{ 'a[]': ['x', 'y'] }, 'a%5B%5D=x&a%5B%5D=y'],
  [{ q: 'a b&c=d/é' }, 'q=a+b%26c%3Dd%2F%C3%A9'],
  ['?a=1&a=2', 'a=1&a=2'],
  [undefined, ''],
])('params %j are written %s (U092)', (params, expected) => {
  expect(encodeParams(params)).toBe(expected);
});

test('a param without value is left out', () => {
  expect(encodeParams(JSON.parse('{"a": null, "b": 1}'))).toBe('b=1');
});

test("the provider's query carries its credential", () => {
  const keyed = party(
    { proxy: { base_url: 'https://api.example.com', query: { api_key: '${apiKey}' } } },
    { apiKey: 'k&1' },
  );
  expect(targetUrl(keyed, { endpoint: '/q', params: { a: 1 } }).search).toBe('?a=1&api_key=k%261');
});

test('baseUrlOverride replaces the base URL and is filled in as well', () => {
  const own = party({}, {}, { region: 'eu' });
  const url = targetUrl(own, { endpoint: '/q', baseUrlOverride: 'https://${connectionConfig.region}.example.com' });
  expect(url.href).toBe('https://eu.example.com/q');
});

test('an empty baseUrlOverride is none', () => {
  expect(targetUrl(acme, { endpoint: '/q', baseUrlOverride: '' }).host).toBe('api.example.com');
});

test('a provider without base URL says what to set', () => {
  expect(() => targetUrl(party({}), { endpoint: '/q' })).toThrow(
    /expected proxy.base_url in its entry, or baseUrlOverride/,
  );
});

test('a base URL that is none is refused without being shown', () => {
  const broken = party({ proxy: { base_url: 'no url ${apiKey}' } }, { apiKey: 'secret' });
  expect(() => targetUrl(broken, { endpoint: '/q' })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('secret') }),
  );
});
