// biome-ignore-all lint/suspicious/noTemplateCurlyInString: provider files write their values so
import { expect, test } from '@jest/globals';
import { interpolate, interpolateTree } from '../../outbound/interpolate.ts';
import { party } from '../support/outbound.ts';

const credentials = {
  apiKey: 'k1',
  access_token: 't1',
  token: 't2',
  username: 'ada',
  password: 'pw',
  nested: { id: 7 },
};

test.each([
  ['https://${connectionConfig.subdomain}.example.com', 'https://eu.example.com'],
  ['Bearer ${apiKey}', 'Bearer k1'],
  ['Bearer ${accessToken}', 'Bearer t1'],
  ['${token}:${username}:${password}', 't2:ada:pw'],
  ['${credentials.nested.id}', '7'],
  ['${connectionConfig.host} || https://api.example.com', 'https://api.example.com'],
  ['${connectionConfig.subdomain} || ${connectionConfig.host}', 'eu'],
  ['plain || text', 'plain || text'],
  ['https://${connectionConfig.team.host}/', 'https://acme.example/'],
  // As files of 2023 have it.
  ['https://${connectionConfig.params.subdomain}.example.com', 'https://eu.example.com'],
])('%s becomes %s', (template, expected) => {
  const filled = interpolate(
    template,
    party({}, credentials, { subdomain: 'eu', 'team.host': 'acme.example' }),
    'proxy.base_url',
  );
  expect(filled).toBe(expected);
});

test('a value is put in as it is and never interpolated again', () => {
  const filled = interpolate(
    'x-${apiKey}',
    party({}, { apiKey: '${password} || $& $1', password: 'pw' }),
    'proxy.headers.x',
  );
  expect(filled).toBe('x-${password} || $& $1');
});

const SHOP = 'https://${connectionConfig.shop}.example.com/api';

test.each([
  ...[
    'evil.example/',
    'evil.example?',
    'evil.example#',
    'evil.example\\',
    'a@evil.example',
    'evil.example:1/',
    'a b',
    'ⅇ／x',
  ].map((shop) => [SHOP, shop]),
  ['https://api-${connectionConfig.shop}', 'x.evil.example/'],
  ['https://${connectionConfig.shop}${connectionConfig.shop}/', 'evil.example/'],
  ['${connectionConfig.none} || https://a.${connectionConfig.shop}:8080', '@evil.example'],
])('%s goes to no other host for the value %s', (template, shop) => {
  const act = () => interpolate(template ?? '', party({}, {}, { shop }), 'token_url');
  expect(act).toThrow(
    expect.objectContaining({
      code: 'upstream_refused',
      message: expect.stringMatching(/shop.*token_url.*part of a host/),
    }),
  );
  expect(act).toThrow(expect.objectContaining({ message: expect.not.stringContaining('evil') }));
});

test.each([
  ['https://${connectionConfig.at}', 'https://jira.example.com:8443/team'],
  ['https://${connectionConfig.at}/api', 'https://jira.example.com:8443/team/api'],
  ['${connectionConfig.at}.x/', 'jira.example.com:8443/team.x/'],
  ['https://example.com/${connectionConfig.at}', 'https://example.com/jira.example.com:8443/team'],
  ['https://example.com?q=${connectionConfig.at}', 'https://example.com?q=jira.example.com:8443/team'],
])('%s takes a whole host, and a path, as they are', (template, expected) => {
  const config = { at: 'jira.example.com:8443/team' };
  expect(interpolate(template, party({}, {}, config), 'proxy.base_url')).toBe(expected);
});

test('a missing connection_config value is named with the place to set it', () => {
  const act = () => interpolate('https://${connectionConfig.host}', party({}), 'proxy.base_url');
  expect(act).toThrow(
    expect.objectContaining({
      code: 'upstream_refused',
      message:
        "Value '${connectionConfig.host}' in proxy.base_url of provider 'acme' is missing: expected 'host' in the " +
        "connection_config of connection 'c1' of integration 'acme-dev'; set it there.",
    }),
  );
});

test('a missing credential is named', () => {
  expect(() => interpolate('${apiKey}', party({}), 'proxy.headers.x')).toThrow(/expected 'apiKey' in the credentials/);
});

test("a value that the connection lacks is the field's default, or missing with the field's example", () => {
  const fields = { region: { type: 'string', default_value: 'us' }, shop: { type: 'string', example: 'my-shop' } };
  const of = party({ connection_config: fields });
  expect(interpolate('${connectionConfig.region}', of, 'token_url')).toBe('us');
  expect(() => interpolate('${connectionConfig.shop}', of, 'token_url')).toThrow(
    /expected 'shop' \(such as 'my-shop'\)/,
  );
});

test('what a call and a flow know is filled in, and is missing outside of them', () => {
  const call = { method: 'GET', host: 'api.example.com', path: '/v1/a', params: 'b=1', random: '00', body: '{}' };
  const of = { ...party({}), call, extra: { step1: { id: 7 }, assertionOption: { sub: 'me' } } };
  const template = '${method} ${host}${path}?${params} ${random} ${body} ${step1.id} ${assertionOption.sub}';
  expect(interpolate(template, of, 'x')).toBe('GET api.example.com/v1/a?b=1 00 {} 7 me');
  expect(interpolate('${urlCanonicalParams} ${bodyCanonicalParams}', of, 'x')).toBe('b=1 {}');
  expect(interpolate('[${body}]', { ...of, call: { body: '' } }, 'x')).toBe('[]');
  expect(() => interpolate('${step1.id}', party({}), 'token_url')).toThrow(/'\$\{step1.id\}' in token_url/);
});

test('a tree is filled text by text', () => {
  const filled = interpolateTree(
    { key: '${apiKey}', list: ['${username}', 3], open: true, none: null },
    party({}, credentials),
    'token_params',
  );
  expect(filled).toEqual({ key: 'k1', list: ['ada', 3], open: true, none: null });
  expect(() => interpolateTree({ a: [{ b: '${apiKey}' }] }, party({}), 'token_params')).toThrow(
    /in token_params.a.0.b of/,
  );
});

test('an inherited property is no value', () => {
  const inheriting = party({}, {}, Object.create({ host: 'evil.example' }));
  expect(() => interpolate('${connectionConfig.host}', inheriting, 'proxy.base_url')).toThrow(/is missing/);
});

test('an unknown expression is refused with the known ones', () => {
  expect(() => interpolate('${nothing}', party({}), 'proxy.headers.x')).toThrow(
    /expected one of connectionConfig.<name>/,
  );
});
