import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { createOauthIntegration, importConnection, useAuthorizationServer } from '../support/authorization-server.ts';
import { deployFlows, deployment, flow } from '../support/deployment.ts';

const api = useApi();
const server = useAuthorizationServer();
const HOOK = {
  ...{ name: 'hook', event: 'post-connection-creation' },
  fileBody: { js: 'exports.default = async () => {};', ts: 'export default async () => {};' },
};
const NOW = new Date('2026-01-01T00:00:00Z');

async function deliveries(connectionId: string) {
  const { rows } = await api.db.query<{ id: string; url: string; body: string }>(
    `select d.id, d.url, d.body from webhook_deliveries d join connections c on c.id = d.connection_id
     where c.connection_id = $1 order by d.sequence, d.url`,
    [connectionId],
  );
  return rows.map(({ id, url, body }) => ({ id, url, ...JSON.parse(body) }));
}

test('the application is told of a new connection, of one signed in again and, once, of one that has to be (U051)', async () => {
  await api.call('PATCH', '/environment/webhooks', { body: { primary_url: 'https://app.example/hook' } });
  await createOauthIntegration(api, 'told');
  await importConnection(api, server, { key: 'told', id: 'c1' }, NOW);
  const [first] = await deliveries('c1');
  expect(first).toMatchObject({
    url: 'https://app.example/hook',
    from: 'nango',
    type: 'auth',
    operation: 'creation',
    connectionId: 'c1',
    providerConfigKey: 'told',
    provider: 'oauth-server',
    authMode: 'OAUTH2',
    environment: 'dev',
    success: true,
  });
  expect(api.engine.calls).toContainEqual(['startDelivery', first?.id]);
  server.revokeAll();
  const headers = { 'provider-config-key': 'told', 'connection-id': 'c1' };
  for (let call = 0; call < 3; call += 1) expect((await api.call('GET', '/proxy/me', { headers })).status).toBe(424);
  const second = (await deliveries('c1')).slice(1);
  expect(second).toMatchObject(
    [
      {
        operation: 'refresh',
        success: false,
        error: { type: 'connection_unauthorized', description: /invalid_grant/ },
      },
    ].map((one) => ({ ...one, error: { ...one.error, description: expect.stringMatching(one.error.description) } })),
  );
  const grant = server.grant();
  await api.call('POST', '/connections', {
    body: {
      provider_config_key: 'told',
      connection_id: 'c1',
      credentials: grant,
      connection_config: { server: server.url },
      webhook_url_override: 'https://own.example/hook',
      end_user: { id: 'u1', email: 'ada@example.com' },
    },
  });
  expect((await deliveries('c1')).at(-1)).toMatchObject({
    url: 'https://own.example/hook',
    operation: 'override',
    endUser: { endUserId: 'u1', endUserEmail: 'ada@example.com' },
  });
  expect(JSON.stringify(await deliveries('c1'))).not.toContain(grant.access_token);
});

test('what the application does not want to hear is not written', async () => {
  await api.call('PATCH', '/environment/webhooks', { body: { on_auth_creation: false, on_auth_refresh_error: false } });
  await createOauthIntegration(api, 'quiet');
  await importConnection(api, server, { key: 'quiet', id: 'c2' }, NOW);
  server.revokeAll();
  await api.call('GET', '/proxy/me', { headers: { 'provider-config-key': 'quiet', 'connection-id': 'c2' } });
  expect(await deliveries('c2')).toEqual([]);
});

test('a sign-in ends in order: the connection, its schedules, the script for it, then the application is told', async () => {
  await api.call('PATCH', '/environment/webhooks', {
    body: { primary_url: 'https://app.example/hook', on_auth_creation: true },
  });
  await createOauthIntegration(api, 'in-order');
  await deployFlows(api, flow('in-order', 'tasks'));
  const onEventScriptsByProvider = [{ providerConfigKey: 'in-order', scripts: [HOOK] }];
  await api.call('POST', '/sync/deploy', { body: deployment([], { onEventScriptsByProvider }) });
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const search = new URLSearchParams({ connect_session_token: session.body.data.token, 'params[server]': server.url });
  const left = await api.call('GET', `/oauth/connect/in-order?${search}`, { key: null });
  const back = (await fetch(left.headers.get('location') ?? '', { redirect: 'manual' })).headers.get('location') ?? '';
  api.engine.reset();
  const found: string[] = [];
  api.engine.answer({
    reconcile: async () => {
      const { rows } = await api.db.query(
        `select name, kind from runs r join connections c on c.id = r.connection_id
         join integrations i on i.id = c.integration_id where i.unique_key = 'in-order' order by kind, name`,
      );
      found.push(...rows.map(({ name, kind }) => `${kind} ${name}`));
    },
  });
  expect((await api.call('GET', back.slice(api.url.length), { key: null })).status).toBe(200);
  expect(found).toEqual(['action hook', 'sync tasks']);
  expect(api.engine.calls.map(([method]) => method)).toEqual(['reconcile', 'startAction', 'startDelivery']);
});
