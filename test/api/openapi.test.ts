import { expect, test } from '@jest/globals';
import { ENDPOINTS } from '../../api/endpoints.ts';
import { useApi } from '../support/api.ts';
import {
  addressOf,
  complete,
  type Described,
  type DescribedRequest,
  describedOf,
  keyedOf,
  sendDescribed,
} from '../support/described.ts';

const api = useApi();

const operations = () => describedOf(api);
const keyed = () => keyedOf(api);
/** Places of the document where requests are made; those that pass a path on to others have a test of their own. */
const checked = async () => (await operations()).filter(({ path }) => !path.startsWith('/proxy'));
const send = (one: Described, request: DescribedRequest, key?: string | null) => sendDescribed(api, one, request, key);

test('the document is OpenAPI 3.1 with an id, a summary and a known scope for every operation', async () => {
  const all = await operations();
  expect(all.length).toBeGreaterThan(60);
  const ids = all.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const silent = all.filter(({ name, operation }) => operation.summary === name.replace(/\{(\w+)\}/g, ':$1'));
  expect(silent.map(({ name }) => name)).toEqual([]);
  const locked = all.filter(({ operation, path }) => operation.security.length > 0 && !path.startsWith('/proxy'));
  expect(locked.filter(({ operation }) => !('401' in operation.responses && '429' in operation.responses))).toEqual([]);
});

test('what is said of endpoints is said of endpoints that there are', async () => {
  const there = (await operations()).map(({ name }) => name.replace(/\{(\w+)\}/g, ':$1'));
  expect(Object.keys(ENDPOINTS).filter((name) => !there.includes(name))).toEqual([]);
});

test('the page shows every operation without asking another server', async () => {
  const { text, headers } = await api.call('GET', '/docs/api', { key: null });
  for (const { path } of await operations()) expect(text).toContain(path);
  expect(text).not.toMatch(/<script|src=|@import|https?:\/\/(?!127)/);
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
});

test('every operation with a lock refuses no key, a strange key and a key of nobody', async () => {
  const faults: string[] = [];
  for (const one of await checked()) {
    if (one.operation.security.length === 0) continue;
    for (const key of [null, 'no-uuid', '00000000-0000-4000-8000-000000000000']) {
      const { status } = await send(one, complete(one), key);
      if (status !== 401) faults.push(`${one.name} with key ${key}: ${status}`);
    }
  }
  expect(faults).toEqual([]);
});

test('every operation refuses a query parameter and a body key that it does not know', async () => {
  const faults: string[] = [];
  for (const one of await keyed()) {
    const request = complete(one);
    const { status } = await send(one, { ...request, query: { ...request.query, surprise: '1' } });
    if (status !== 400) faults.push(`${one.name} with a strange query: ${status}`);
    const schema = bodyOf(one);
    if (schema?.['additionalProperties'] !== false) continue;
    const strange = await send(one, { ...request, body: { ...(request.body as object), surprise: 1 } });
    if (strange.status !== 400) faults.push(`${one.name} with a strange key: ${strange.status}`);
  }
  expect(faults).toEqual([]);
});

test('every operation refuses a body of a wrong type, and each key of a wrong type', async () => {
  const faults: string[] = [];
  for (const one of await keyed()) {
    const schema = bodyOf(one);
    if (schema?.['type'] !== 'object') continue;
    for (const body of [[], 'text', 7]) {
      const { status } = await send(one, { ...complete(one), body });
      if (status !== 400) faults.push(`${one.name} with body ${JSON.stringify(body)}: ${status}`);
    }
    for (const [key, property] of Object.entries((schema['properties'] ?? {}) as Record<string, { type?: string }>)) {
      if (property.type === undefined) continue;
      const wrong = property.type === 'object' ? 'text' : { not: 'this' };
      const { status } = await send(one, {
        ...complete(one),
        body: { ...(complete(one).body as object), [key]: wrong },
      });
      if (status !== 400) faults.push(`${one.name} with a wrong '${key}': ${status}`);
    }
  }
  expect(faults).toEqual([]);
});

test('every operation refuses a request without what it needs', async () => {
  const faults: string[] = [];
  for (const one of await keyed()) {
    const request = complete(one);
    for (const { name, in: place, required } of one.operation.parameters) {
      if (!required || place === 'path') continue;
      const part = place === 'query' ? 'query' : 'headers';
      const { [name]: _, ...rest } = request[part] ?? {};
      const { status } = await send(one, { ...request, [part]: rest });
      if (status !== 400) faults.push(`${one.name} without ${name}: ${status}`);
    }
    const needed = bodyOf(one)?.['required'];
    for (const key of Array.isArray(needed) ? (needed as string[]) : []) {
      const { [key]: _, ...rest } = request.body as Record<string, unknown>;
      const { status } = await send(one, { ...request, body: rest });
      if (status !== 400) faults.push(`${one.name} without '${key}': ${status}`);
    }
  }
  expect(faults).toEqual([]);
});

test('every operation answers a complete request about unknown things with a status that the document knows', async () => {
  const faults: string[] = [];
  for (const one of await checked()) {
    const { status, text } = await send(one, complete(one));
    if (!(String(status) in one.operation.responses)) faults.push(`${one.name}: ${status} ${text.slice(0, 200)}`);
  }
  expect(faults).toEqual([]);
});

test('every operation refuses broken JSON and bytes that are not UTF-8', async () => {
  const faults: string[] = [];
  for (const one of (await keyed()).filter(({ operation }) => operation.requestBody !== undefined)) {
    for (const raw of ['{"a":', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]) {
      const request = complete(one);
      const found = await api.call(one.method, addressOf(one, request), { raw, headers: { ...request.headers } });
      if (found.status !== 400) faults.push(`${one.name}: ${found.status}`);
    }
  }
  expect(faults).toEqual([]);
});

// Not `.` and `..`: every client resolves them before it asks.
const ODD = [
  'a/b',
  '../../etc/passwd',
  '%2e%2e',
  'a%',
  'a:b',
  `'"`,
  '😀',
  ' ',
  '\\',
  '\u0000',
  '\u202e',
  'x'.repeat(300),
];

test('every path takes every odd id as data: known answers, never a failure of the server', async () => {
  const faults: string[] = [];
  for (const one of (await keyed()).filter(({ path }) => path.includes('{'))) {
    for (const id of ODD) {
      const names = one.operation.parameters
        .filter((parameter) => parameter.in === 'path')
        .map(({ name }) => [name, id]);
      const { status } = await send(one, { ...complete(one), params: Object.fromEntries(names) });
      if (![400, 404, 405].includes(status)) faults.push(`${one.name} with ${JSON.stringify(id)}: ${status}`);
    }
  }
  expect(faults).toEqual([]);
});

function bodyOf({ operation }: Described): Readonly<Record<string, unknown>> | undefined {
  return operation.requestBody?.content['application/json']?.schema;
}
