/** Rules of our own catalogue, entry by entry, beyond what the grammar says. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { checkConnectionConfig } from '../../outbound/auth/connection-config.ts';
import { loadProviders } from '../../outbound/catalogue.ts';
import type { Provider } from '../../outbound/provider.ts';
import { fillTemplate, namesIn } from '../../outbound/template.ts';

const FOLDER = new URL('../../outbound/providers/', import.meta.url);
const files = readdirSync(FOLDER).sort();
const all = loadProviders().list();
const named = all.map((provider) => [provider.name, provider] as const);

/** Every text of a value with the dotted path that leads to it. */
function textsOf(value: unknown, path = ''): [path: string, text: string][] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => textsOf(inner, path === '' ? key : `${path}.${key}`));
}

/** What a template may read: declared fields, and the credentials of the entry's mode. */
function knownNames(provider: Provider): ReadonlySet<string> {
  const fields = (group: 'connection_config' | 'credentials', root: string) =>
    Object.keys(provider[group] ?? {}).map((name) => `${root}.${name}`);
  const ofMode: Partial<Record<Provider['auth_mode'], readonly string[]>> = {
    API_KEY: ['apiKey'],
    APP: ['accessToken'],
    BASIC: ['username', 'password'],
    BILL: ['credentials.dev_key', 'credentials.session_id'],
    OAUTH2: ['accessToken', 'clientId', 'clientSecret'],
    OAUTH2_CC: ['token', 'clientId', 'clientSecret'],
    TWO_STEP: ['token'],
  };
  const declared = [...fields('connection_config', 'connectionConfig'), ...fields('credentials', 'credentials')];
  return new Set([...declared, ...(ofMode[provider.auth_mode] ?? [])]);
}

/** A template with something plausible in it, as a URL. */
function urlOf(template: string, { connection_config: fields }: Provider): URL {
  const lookup = (name: string) => {
    const field = fields?.[name.replace('connectionConfig.', '')];
    return field?.example ?? field?.default_value ?? field?.enum?.[0] ?? 'x';
  };
  const filled = fillTemplate(template, { lookup, now: new Date(0) });
  return new URL('text' in filled ? filled.text : `nothing for ${JSON.stringify(filled)}`);
}

const needed: Partial<Record<Provider['auth_mode'], readonly (keyof Provider)[]>> = {
  BILL: ['token_url'],
  OAUTH1: ['request_url', 'authorization_url', 'token_url'],
  OAUTH2: ['authorization_url', 'token_url'],
  OAUTH2_CC: ['token_url'],
  TWO_STEP: ['token_url', 'token_response'],
};
const IS_URL = /(^|\.)(base_url|base_url_override|[a-z]+_url|token_url\.\w+)$/;

test('at least 200 APIs are known', () => {
  expect(all.length).toBeGreaterThanOrEqual(200);
});

test('no name stands twice, and each file is in the order of its names', () => {
  const names = files.map((file) => Object.keys(parse(readFileSync(new URL(file, FOLDER), 'utf8'))));
  for (const own of names) expect(own).toEqual([...own].sort());
  expect(names.flat().sort()).toEqual(all.map((provider) => provider.name));
});

test.each(named)('%s says who it is, where that is documented, and what its mode needs', (name, provider) => {
  expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  expect(provider).toMatchObject({ display_name: expect.stringMatching(/\S/), docs: expect.stringMatching(/^https:/) });
  expect(new URL(provider.docs ?? '').hostname).toMatch(/\./);
  expect(provider.categories).not.toEqual([]);
  for (const category of provider.categories ?? ['none']) expect(category).toMatch(/^[a-z]+(-[a-z]+)*$/);
  for (const key of needed[provider.auth_mode] ?? []) expect(provider).toHaveProperty(key);
});

test.each(named)('%s has https URLs that can be parsed', (_, provider) => {
  for (const [path, text] of textsOf(provider)) {
    if (!IS_URL.test(path)) continue;
    const url = urlOf(text, provider);
    expect([path, url.protocol, url.username, url.hash]).toEqual([path, 'https:', '', '']);
    expect(url.hostname).toMatch(/\./);
  }
  if (provider.name !== 'unauthenticated') expect(provider.proxy).toHaveProperty('base_url');
});

/** What would lead a URL elsewhere, put where one part of its host belongs. */
const ELSEWHERE = [
  'evil.example/',
  'evil.example?',
  'evil.example#',
  'evil.example\\',
  'a@evil.example',
  'evil.example:443/',
];

test.each(named)('%s lets nobody lead its calls to another host by a part of its own', (_, provider) => {
  for (const [path, text] of textsOf(provider)) {
    const host = IS_URL.test(path) ? (/^https:\/\/([^/?#]*)/.exec(text)?.[1] ?? '') : '';
    for (const name of namesIn(host).map((one) => one.replace('connectionConfig.', ''))) {
      const taken = ELSEWHERE.filter((value) => {
        const { faults } = checkConnectionConfig(provider, { [name]: value });
        return !faults.some((fault) => fault.path[1] === name);
      });
      expect([path, name, taken]).toEqual([path, name, []]);
    }
  }
});

test.each(named)('%s reads only what it declares, and declares only what is read', (_, provider) => {
  const known = knownNames(provider);
  const read = textsOf(provider).flatMap(([, text]) => namesIn(text));
  expect(read.filter((name) => !known.has(name))).toEqual([]);
  const captured = [...(provider.token_response_metadata ?? []), ...(provider.redirect_uri_metadata ?? [])];
  const fields = Object.keys(provider.connection_config ?? {});
  const used = new Set([...read, ...captured.map((name) => `connectionConfig.${name}`)]);
  expect(fields.filter((name) => !used.has(`connectionConfig.${name}`))).toEqual([]);
  expect(captured.filter((name) => !fields.includes(name))).toEqual([]);
  if (provider.auth_mode === 'API_KEY') expect(read).toContain('apiKey');
});

test.each(named)('%s asks for values that a person can give', (_, provider) => {
  for (const field of Object.values({ ...provider.connection_config, ...provider.credentials })) {
    expect([field.type, field.title]).toEqual(['string', expect.stringMatching(/\S/)]);
    if (field.automated !== true) expect(field).toHaveProperty('example');
    const { pattern, format, example = '' } = field;
    if (pattern !== undefined) expect(example).toMatch(new RegExp(pattern));
    if (format === 'uri' && example !== '') expect(new URL(example).protocol).toBe('https:');
    if (format === 'email') expect(example).toMatch(/^[^@\s]+@[^@\s]+$/);
    if (field.enum !== undefined) expect(field.enum).toEqual(expect.arrayContaining([field.default_value ?? example]));
  }
});

test.each(named)('%s says of its limits, pages and verification what the engine can use', (_, { proxy }) => {
  const headers = [...(proxy?.retry?.at ?? []), ...(proxy?.retry?.after ?? []), proxy?.retry?.remaining ?? []].flat();
  for (const header of [...headers, ...Object.keys(proxy?.headers ?? {}), proxy?.idempotency_header ?? 'a']) {
    expect(header).toMatch(/^[a-z0-9_-]+$/);
  }
  for (const pattern of [...(proxy?.read_only ?? []), ...(proxy?.idempotency_paths ?? [])])
    expect('/nothing/of/the/kind').not.toMatch(new RegExp(pattern));
  const keys = { cursor: 'cursor_path_in_response', link: /^link_/, offset: 'offset_name_in_request' };
  const { type, ...paginate } = proxy?.paginate ?? { type: undefined };
  if (type !== undefined) expect(Object.keys(paginate)).toContainEqual(expect.stringMatching(keys[type]));
  if (type === 'cursor') expect(paginate).toHaveProperty('cursor_name_in_request');
  const { method = 'GET', endpoints = ['/'] } = proxy?.verification ?? {};
  expect(['GET', 'POST']).toContain(method);
  // These are asked for as they stand.
  for (const endpoint of endpoints) expect(endpoint).toMatch(/^\/(?!\/)[^\s{}]*$/);
});
