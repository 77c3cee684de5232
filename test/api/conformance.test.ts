/**
 * Every route × (good, missing, wrong type, unknown key, wrong auth). The good request is written by hand; what is bad is
 * that request with one thing changed, so that nothing but the change can be what was refused. The good one is sent last:
 * what was refused has left nothing behind.
 */
import { expect, test } from '@jest/globals';
import { ENDPOINTS } from '../../api/endpoints.ts';
import { useApi } from '../support/api.ts';
import { useAuthorizationServer } from '../support/authorization-server.ts';
import { type Described, describedOf } from '../support/described.ts';
import { useUpstream } from '../support/upstream.ts';
import { createWorld, GOOD, type Good, type World } from './good-requests.ts';
import { GOOD_SIGN_INS } from './good-sign-ins.ts';

const api = useApi({}, { dashboard: { folder: '/nowhere', operator: undefined, isOpen: () => true } });
const server = useAuthorizationServer();
const upstream = useUpstream();

/** The app passes every method and path under `/proxy` on, so its routes do not list them. */
const PROXIED = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const proxied = Object.fromEntries(
  PROXIED.map((method) => [
    `${method} /proxy/:path`,
    ({ key }: World): Good => ({
      path: '/proxy/things',
      headers: { 'provider-config-key': key, 'connection-id': 'c1' },
      ...(method !== 'GET' && method !== 'DELETE' && { body: { a: 1 } }),
    }),
  ]),
);
const ROWS = { ...GOOD, ...GOOD_SIGN_INS, ...proxied };
/** Takes any query or body there is, by its purpose: others decide what is in it. */
const TAKES_ANY_QUERY =
  /^(\w+ \/proxy\/|\w+ \/oauth\/(connect|callback)|\w+ \/app-auth|POST \/(api-auth|oauth2|auth|webhook|cli)\/)/;
const TAKES_ANY_BODY = /^(\w+ \/proxy\/|POST \/(webhook|cli|mcp)|\w+ \/connection\/:id\/metadata)/;
/** Pages for people, whose files are built; test/browser drives them. Under `GET /` programs get JSON, which has a row. */
const PAGES = ['GET /sign-in', 'GET /env/*rest', 'GET /connect', 'GET /connect/'];
const NOBODY = '00000000-0000-4000-8000-000000000000';

test('every route has a row, and every row a route', () => {
  const routes = new Set(api.routes().map(([method, path]) => `${method} ${path}`));
  expect([...Object.keys(ROWS), ...PAGES].sort()).toEqual([...routes, ...Object.keys(proxied)].sort());
});

test.each(Object.entries(ROWS))('%s', async (name, row) => {
  const world = await createWorld({ api, server, upstream });
  const good = await row(world);
  const taken: string[] = [];
  for (const [what, wanted, bad] of await badOnes(name, good)) {
    const { status } = await send(name, bad);
    if (status !== wanted) taken.push(`${what}: ${status}`);
  }
  expect(taken).toEqual([]);
  const { status, body } = await send(name, good);
  expect([status, body]).toEqual([good.status ?? 200, body]);
  const declared = ENDPOINTS[name]?.status ?? [200];
  if (name in ENDPOINTS && declared.length > 0) expect(declared).toContain(status);
  if (good.gives !== undefined) expect(body).toMatchObject(good.gives as object);
});

/** What is wrong, the status it must get, and the request. */
type BadOne = readonly [string, number, Good];

/** The good request with one thing changed. */
async function badOnes(name: string, good: Good): Promise<readonly BadOne[]> {
  const described = await descriptionOf(name);
  const isLocked = good.key !== null;
  const auth = [null, 'no-uuid', NOBODY].map((key) => [`key ${key}`, 401, { ...good, key }] as const);
  return [
    ...(isLocked ? auth : []),
    ...(TAKES_ANY_QUERY.test(name) ? [] : unknownQuery(name, good)),
    ...withoutParameters(described, good),
    ...wrongQuery(described, good),
    ...badBodies(name, described, good),
  ];
}

function unknownQuery(name: string, good: Good) {
  // Written without a schema, since they take nothing at all.
  if (/^GET \/(|health|openapi\.json|docs\/api|metrics)$/.test(name)) return [];
  return [['an unknown query parameter', 400, { ...good, query: { ...good.query, surprise: '1' } }] as const];
}

function withoutParameters(described: Described | undefined, good: Good) {
  const needed =
    described?.operation.parameters.filter(({ required, in: place }) => required && place !== 'path') ?? [];
  return needed.map(({ name, in: place }) => {
    const part = place === 'query' ? 'query' : 'headers';
    const { [name]: _, ...rest } = good[part] ?? {};
    return [`without ${name}`, 400, { ...good, [part]: rest }] as const;
  });
}

/** Each parameter of the query with a value of another type than the document says. */
function wrongQuery(described: Described | undefined, good: Good) {
  const typed = described?.operation.parameters.filter((one) => one.in === 'query') ?? [];
  return typed.flatMap((one) => {
    const {
      type,
      enum: values,
      format,
    } = (one as { schema?: { type?: string; enum?: unknown; format?: string } }).schema ?? {};
    const isTyped = type === 'integer' || type === 'number' || type === 'boolean' || values !== undefined || format;
    return isTyped
      ? [[`a wrong ${one.name}`, 400, { ...good, query: { ...good.query, [one.name]: '{}' } }] as const]
      : [];
  });
}

function badBodies(name: string, described: Described | undefined, good: Good): BadOne[] {
  if (good.body === undefined || TAKES_ANY_BODY.test(name)) return [];
  const { body, optional } = good;
  const schema = described?.operation.requestBody?.content['application/json']?.schema;
  const properties = (schema?.['properties'] ?? {}) as Record<string, { type?: string }>;
  const needed = optional || !schema?.['properties'] ? Object.keys(body) : ((schema['required'] as string[]) ?? []);
  const wrong = Object.keys(body).filter((key) => properties[key]?.type !== undefined || !schema?.['properties']);
  const without = (key: string) => Object.fromEntries(Object.entries(body).filter(([one]) => one !== key));
  const { body: _, ...raw } = good;
  return [
    ...['[]', '"text"', '7', '{"a":'].map((text) => [`body ${text}`, 400, { ...raw, raw: text }] as const),
    ...(good.isOpen ? [] : [['an unknown key', 400, { ...good, body: { ...body, surprise: 1 } }] as const]),
    ...needed
      .filter((key) => !optional?.includes(key))
      .map((key) => [`without '${key}'`, 400, { ...good, body: without(key) }] as const),
    ...wrong.map((key) => {
      const other = properties[key]?.type === 'object' ? 'text' : { not: 'this' };
      return [`a wrong '${key}'`, 400, { ...good, body: { ...body, [key]: other } }] as const;
    }),
  ];
}

async function descriptionOf(name: string): Promise<Described | undefined> {
  const documented = name.replace(/:(\w+)/g, '{$1}');
  return (await describedOf(api)).find((one) => one.name === documented);
}

async function send(
  name: string,
  { path, query, body, status: _s, gives: _g, optional: _o, isOpen: _i, ...rest }: Good,
) {
  const [method = ''] = name.split(' ');
  const search = new URLSearchParams(query).toString();
  const address = `${path}${search === '' ? '' : `?${search}`}`;
  if (path === '/dashboard/events') return opened(address, rest.key);
  return api.call(method, address, { ...rest, ...(body !== undefined && { body }) });
}

/** A stream without an end: its status is its answer. */
async function opened(address: string, key: string | null = api.key) {
  const headers = { ...(key !== null && { authorization: `Bearer ${key}` }) };
  const response = await fetch(`${api.url}${address}`, { headers });
  await response.body?.cancel();
  return { status: response.status, body: undefined };
}
