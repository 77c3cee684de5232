// biome-ignore-all lint/suspicious/noTemplateCurlyInString: provider files write their values so
import { expect, test } from '@jest/globals';
import { callHeaders, passedOnHeaders, scriptHeaders } from '../../outbound/headers.ts';
import { party } from '../support/outbound.ts';

test.each([
  ['BASIC', { username: 'ada', password: 'pw' }, 'Basic YWRhOnB3'],
  ['BASIC', { username: 'key' }, 'Basic a2V5Og=='],
  ['OAUTH2', { access_token: 't' }, 'Bearer t'],
  ['APP', { access_token: 't' }, 'Bearer t'],
  ['OAUTH2_CC', { token: 't' }, 'Bearer t'],
  ['JWT', { token: 't' }, 'Bearer t'],
  ['API_KEY', { apiKey: 'k' }, undefined],
  ['NONE', {}, undefined],
])('%s with %j sends authorization %s', (auth_mode, credentials, expected) => {
  expect(callHeaders(party({ auth_mode }, credentials), undefined)['authorization']).toBe(expected);
});

test('an API key goes where the provider puts it', () => {
  const headers = callHeaders(
    party({ auth_mode: 'API_KEY', proxy: { headers: { 'X-Api-Key': '${apiKey}' } } }, { apiKey: 'k' }),
    undefined,
  );
  expect(headers).toEqual({ 'user-agent': 'nango-temporal', 'x-api-key': 'k' });
});

test('a call overrides the provider, which overrides the mode, whatever the case of the names', () => {
  const acme = party(
    { auth_mode: 'OAUTH2', proxy: { headers: { Authorization: 'Token ${accessToken}', 'X-V': '1' } } },
    { access_token: 't' },
  );
  expect(callHeaders(acme, undefined)).toMatchObject({ authorization: 'Token t', 'x-v': '1' });
  expect(callHeaders(acme, { AUTHORIZATION: 'mine', 'x-V': '2' })).toMatchObject({ authorization: 'mine', 'x-v': '2' });
});

test("the provider's user-agent beats the call's, which beats ours", () => {
  expect(
    callHeaders(party({ proxy: { headers: { 'User-Agent': 'theirs' } } }), { 'user-agent': 'mine' })['user-agent'],
  ).toBe('theirs');
  expect(callHeaders(party({}), { 'user-agent': 'mine' })['user-agent']).toBe('mine');
});

test('a missing credential is named unless the call brings its own authorization', () => {
  const acme = party({ auth_mode: 'OAUTH2' });
  expect(() => callHeaders(acme, undefined)).toThrow(/Credential 'access_token' of connection 'c1' .* is missing/);
  expect(callHeaders(acme, { authorization: 'mine' })['authorization']).toBe('mine');
});

test("a provider's header that the call replaces needs no value of its own", () => {
  const acme = party({ proxy: { headers: { 'x-key': '${apiKey}' } } });
  expect(callHeaders(acme, { 'X-Key': 'mine' })['x-key']).toBe('mine');
  expect(() => callHeaders(acme, undefined)).toThrow(/'\$\{apiKey\}' in proxy.headers.x-key/);
});

test.each([
  ['a line break in a value', { 'x-a': 'secret\r\nx-b: 1' }],
  ['a line break in a name', { 'x-a\r\nx-b': '1' }],
  ['a NUL in a value', { 'x-a': 'secret\0' }],
])('%s is refused without showing the value', (_, headers) => {
  expect(() => callHeaders(party({}), headers)).toThrow(
    expect.objectContaining({ code: 'invalid_headers', message: expect.not.stringMatching(/secret|[\r\n]/) }),
  );
});

test('a credential that would inject a header is refused', () => {
  const acme = party({ auth_mode: 'OAUTH2' }, { access_token: 't\r\nhost: evil' });
  expect(() => callHeaders(acme, undefined)).toThrow(expect.objectContaining({ code: 'invalid_headers' }));
});

test('headers about the connection itself are not taken over from a call', () => {
  const own = { Host: 'evil', Connection: 'close', 'Transfer-Encoding': 'chunked', TE: 'gzip', 'x-a': '1' };
  expect(callHeaders(party({}), own)).toEqual({ 'user-agent': 'nango-temporal', 'x-a': '1' });
});

test('a script sees neither cookies nor credentials of an answer', () => {
  expect(scriptHeaders({ 'set-cookie': ['a=1'], authorization: 'x', link: '<a>', vary: 'a' })).toEqual({
    link: '<a>',
    vary: 'a',
  });
});

test('the proxy passes cookies on, but nothing about the upstream connection', () => {
  const received = {
    'set-cookie': ['a=1', 'b=2'],
    connection: 'keep-alive, X-Hop',
    'keep-alive': 'timeout=5',
    'x-hop': '1',
    'transfer-encoding': 'chunked',
  };
  expect(passedOnHeaders(received)).toEqual({ 'set-cookie': ['a=1', 'b=2'] });
});
