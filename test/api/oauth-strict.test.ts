import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { createOauthIntegration, useAuthorizationServer } from '../support/authorization-server.ts';

const api = useApi({}, { strictState: true });
const server = useAuthorizationServer();

test('strict: a sign-in comes back only to the browser it began in (U060)', async () => {
  await createOauthIntegration(api, 'strict');
  const arrive = async (withCookie: boolean) => {
    const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
    const search = new URLSearchParams({
      connect_session_token: session.body.data.token,
      'params[server]': server.url,
    });
    const left = await api.call('GET', `/oauth/connect/strict?${search}`, { key: null });
    const provider = await fetch(left.headers.get('location') ?? '', { redirect: 'manual' });
    const callback = new URL(provider.headers.get('location') ?? '');
    const set = left.headers.get('set-cookie') ?? '';
    expect(set).toContain('HttpOnly; SameSite=Lax');
    const headers = withCookie ? { cookie: `a=b; ${set.split(';')[0]}` } : {};
    return api.call('GET', callback.pathname + callback.search, { key: null, headers });
  };
  expect((await arrive(true)).status).toBe(200);
  const forwarded = await arrive(false);
  expect([forwarded.status, forwarded.body.error.code]).toEqual([400, 'invalid_state']);
  expect(server.tokenCalls).toHaveLength(1);
});
