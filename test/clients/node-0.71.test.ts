import { createHash, createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { Nango } from '@nangohq/node';
import { methodsOf, outcomeOf, useProject } from './use-project.ts';

const { platform, upstream } = useProject();

const nango = () => new Nango({ host: platform.caller.apiUrl, secretKey: platform.caller.key });
const elsewhere = { providerConfigKey: 'tracker', connectionId: 'acme' };
const to = (endpoint: string) => ({ ...elsewhere, endpoint, baseUrlOverride: upstream.url });
const NO_INTEGRATION = { refused: 404, code: 'unknown_provider_config' };
const NO_CONNECTION = { refused: 404, code: 'unknown_connection' };
const NO_SYNC = { refused: 404, code: 'unknown_sync' };
const NOT_FOUND = { refused: 404, code: 'not_found' };

type Case = {
  readonly good: (client: Nango) => unknown;
  readonly gives: unknown;
  readonly bad: (client: Nango) => unknown;
  readonly fails: unknown;
};

/** Each method of the client once with success and once with failure, in an order that leaves what later ones need. */
const CASES: Readonly<Record<string, Case>> = {
  listProviders: {
    good: (client) => client.listProviders({ search: 'github' }),
    gives: { data: expect.arrayContaining([expect.objectContaining({ name: 'github', auth_mode: 'OAUTH2' })]) },
    bad: (client) => client.listProviders({ serach: 'x' } as never),
    fails: { refused: 400, code: 'invalid_query_params' },
  },
  getProvider: {
    good: (client) => client.getProvider({ provider: 'github' }),
    gives: { data: expect.objectContaining({ name: 'github' }) },
    bad: (client) => client.getProvider({ provider: 'nobody' }),
    fails: NOT_FOUND,
  },
  getProviderTemplates: {
    good: (client) => client.getProviderTemplates({ provider: 'github' }),
    gives: { data: [] },
    bad: (client) => client.getProviderTemplates({ provider: 'nobody' }),
    fails: NOT_FOUND,
  },
  createIntegration: {
    good: (client) => client.createIntegration({ provider: 'example-chat', unique_key: 'chat' }),
    gives: { data: expect.objectContaining({ unique_key: 'chat', provider: 'example-chat' }) },
    bad: (client) => client.createIntegration({ provider: 'nobody', unique_key: 'x' }),
    fails: { refused: 400, code: 'unknown_provider' },
  },
  createQuickstartIntegration: {
    good: (client) => client.createQuickstartIntegration({ provider: 'example-chat', unique_key: 'quick' }),
    gives: { data: expect.objectContaining({ unique_key: 'quick' }) },
    bad: (client) => client.createQuickstartIntegration({ provider: 'github', unique_key: 'quick-github' }),
    fails: { refused: 400, code: 'integration_incomplete' },
  },
  listIntegrations: {
    good: (client) => client.listIntegrations(),
    gives: { configs: expect.arrayContaining([expect.objectContaining({ unique_key: 'tracker', logo: null })]) },
    bad: () => new Nango({ host: platform.caller.apiUrl, secretKey: 'wrong' }).listIntegrations(),
    fails: { refused: 401, code: 'unknown_account' },
  },
  getIntegration: {
    good: (client) => client.getIntegration({ uniqueKey: 'github' }, { include: ['credentials'] }),
    gives: { data: expect.objectContaining({ credentials: expect.objectContaining({ client_id: 'id' }) }) },
    bad: (client) => client.getIntegration({ uniqueKey: 'none' }),
    fails: NO_INTEGRATION,
  },
  updateIntegration: {
    good: (client) => client.updateIntegration({ uniqueKey: 'chat' }, { display_name: 'Chat' }),
    gives: { data: expect.objectContaining({ display_name: 'Chat' }) },
    bad: (client) => client.updateIntegration({ uniqueKey: 'none' }, { display_name: 'x' }),
    fails: NO_INTEGRATION,
  },
  deleteIntegration: {
    good: (client) => client.deleteIntegration('chat'),
    gives: expect.objectContaining({ status: 200, data: { success: true } }),
    bad: (client) => client.deleteIntegration('chat'),
    fails: NO_INTEGRATION,
  },
  listFunctions: {
    good: (client) => client.listFunctions({ uniqueKey: 'tracker' }, { type: 'action', limit: 1 }),
    gives: {
      data: [
        expect.objectContaining({ name: 'echo', type: 'action', enabled: true, last_deployed: expect.any(String) }),
      ],
      pagination: { total: 3, page: 0, limit: 1 },
    },
    bad: (client) => client.listFunctions({ uniqueKey: 'none' }),
    fails: NO_INTEGRATION,
  },
  getFunction: {
    good: (client) => client.getFunction({ uniqueKey: 'tracker', name: 'tasks' }),
    gives: { data: expect.objectContaining({ type: 'sync', runs: 'every 1h', returns: ['Task'], auto_start: false }) },
    bad: (client) => client.getFunction({ uniqueKey: 'tracker', name: 'none' }),
    fails: NOT_FOUND,
  },
  getFunctionCode: {
    good: (client) => client.getFunctionCode({ uniqueKey: 'tracker', name: 'echo' }),
    gives: { type: 'action', code: expect.stringContaining('runAction') },
    bad: (client) => client.getFunctionCode({ uniqueKey: 'tracker', name: 'none' }),
    fails: NOT_FOUND,
  },
  getScriptsConfig: {
    good: (client) => client.getScriptsConfig(),
    gives: [
      expect.objectContaining({
        providerConfigKey: 'tracker',
        provider: 'example-tracker',
        syncs: [expect.objectContaining({ name: 'tasks', returns: ['Task'], enabled: true })],
        actions: ['echo', 'refuse', 'spare'].map((name) => expect.objectContaining({ name })),
        'on-events': [],
      }),
    ],
    bad: (client) => client.getScriptsConfig('yaml' as never),
    fails: { refused: 400, code: 'invalid_query_params' },
  },
  listConnections: {
    good: (client) => client.listConnections({ userId: 'ada', integrationId: 'github', limit: 10 }),
    gives: {
      connections: [
        expect.objectContaining({ connection_id: 'octo', provider: 'github', errors: [], id: expect.anything() }),
      ],
    },
    bad: (client) => client.listConnections({ limit: 0.5 }),
    fails: { refused: 400, code: 'invalid_query_params' },
  },
  getConnection: {
    good: (client) => client.getConnection('github', 'octo', false, true),
    gives: expect.objectContaining({
      connection_id: 'octo',
      provider_config_key: 'github',
      credentials: expect.objectContaining({ type: 'OAUTH2', access_token: 'gho_1' }),
    }),
    bad: (client) => client.getConnection('github', 'none'),
    fails: NO_CONNECTION,
  },
  patchConnection: {
    good: (client) =>
      client.patchConnection({ connectionId: 'octo', provider_config_key: 'github' }, { tags: { team: 'one' } }),
    gives: { success: true },
    bad: (client) => client.patchConnection({ connectionId: 'none', provider_config_key: 'github' }, {}),
    fails: NO_CONNECTION,
  },
  getToken: {
    good: (client) => client.getToken('github', 'octo'),
    gives: 'gho_1',
    bad: (client) => client.getToken('github', 'none'),
    fails: NO_CONNECTION,
  },
  getRawTokenResponse: {
    good: (client) => client.getRawTokenResponse('github', 'octo'),
    gives: { access_token: 'gho_1' },
    bad: (client) => client.getRawTokenResponse('none', 'octo'),
    fails: NO_INTEGRATION,
  },
  setMetadata: {
    good: (client) => client.setMetadata('tracker', ['acme'], { a: 1 }),
    gives: expect.objectContaining({
      status: 201,
      data: { connection_id: ['acme'], provider_config_key: 'tracker', metadata: { a: 1 } },
    }),
    bad: (client) => client.setMetadata('tracker', 'none', { a: 1 }),
    fails: NO_CONNECTION,
  },
  updateMetadata: {
    good: (client) => client.updateMetadata('tracker', 'acme', { b: 2 }),
    gives: expect.objectContaining({ status: 200 }),
    bad: (client) => client.updateMetadata('none', 'acme', {}),
    fails: NO_INTEGRATION,
  },
  getMetadata: {
    good: (client) => client.getMetadata('tracker', 'acme'),
    gives: { a: 1, b: 2 },
    bad: (client) => client.getMetadata('tracker', 'none'),
    fails: NO_CONNECTION,
  },
  waitForConnection: {
    good: (client) => client.waitForConnection('github', 'ada'),
    gives: expect.objectContaining({ connection_id: 'octo' }),
    bad: (client) => client.waitForConnection('github', 'ada', { signal: AbortSignal.abort() }),
    fails: { thrown: 'Wait for connection was aborted' },
  },
  listRecords: {
    good: (client) => client.listRecords({ ...elsewhere, model: 'Task', limit: 2, ids: ['1'], filter: 'added' }),
    gives: {
      records: [
        expect.objectContaining({ id: '1', _nango_metadata: expect.objectContaining({ last_action: 'ADDED' }) }),
      ],
      next_cursor: null,
    },
    bad: (client) => client.listRecords({ ...elsewhere, model: 'None' }),
    fails: { refused: 404, code: 'unknown_model' },
  },
  pruneRecords: {
    good: async (client) => {
      const { records } = await client.listRecords({ ...elsewhere, model: 'Task' });
      const untilCursor = records.at(-1)?._nango_metadata.cursor ?? '';
      return client.pruneRecords({ ...elsewhere, model: 'Task', untilCursor });
    },
    gives: { count: 2, has_more: false },
    bad: (client) => client.pruneRecords({ ...elsewhere, model: 'Task', untilCursor: 'x' }),
    fails: { refused: 400, code: 'invalid_body' },
  },
  triggerSync: {
    good: (client) => client.triggerSync('tracker', ['tasks'], 'acme'),
    gives: expect.objectContaining({ data: expect.objectContaining({ success: true }) }),
    bad: (client) => client.triggerSync('tracker', ['none'], 'acme'),
    fails: NO_SYNC,
  },
  startSync: {
    good: (client) => client.startSync('tracker', ['tasks'], 'acme'),
    gives: expect.objectContaining({ data: { success: true } }),
    bad: (client) => client.startSync('tracker', ['none'], 'acme'),
    fails: NO_SYNC,
  },
  pauseSync: {
    good: (client) => client.pauseSync('tracker', ['tasks']),
    gives: expect.objectContaining({ data: { success: true } }),
    bad: (client) => client.pauseSync('none', ['tasks']),
    fails: NO_INTEGRATION,
  },
  createSyncVariant: {
    good: (client) =>
      client.createSyncVariant({
        name: 'tasks',
        variant: 'blue',
        provider_config_key: 'tracker',
        connection_id: 'acme',
      }),
    gives: expect.objectContaining({ id: expect.any(String), name: 'tasks', variant: 'blue' }),
    bad: (client) =>
      client.createSyncVariant({
        name: 'tasks',
        variant: 'base',
        provider_config_key: 'tracker',
        connection_id: 'acme',
      }),
    fails: { refused: 400, code: 'invalid_variant' },
  },
  updateSyncConnectionFrequency: {
    good: (client) =>
      client.updateSyncConnectionFrequency('tracker', { name: 'tasks', variant: 'blue' }, 'acme', 'every 2 hours'),
    gives: { frequency: 'every 2 hours' },
    bad: (client) => client.updateSyncConnectionFrequency('tracker', 'tasks', 'acme', 'sometimes'),
    fails: { refused: 400, code: 'invalid_body' },
  },
  syncStatus: {
    good: (client) => client.syncStatus('tracker', [{ name: 'tasks', variant: 'blue' }], 'acme'),
    gives: {
      syncs: [
        expect.objectContaining({
          name: 'tasks',
          variant: 'blue',
          connection_id: 'acme',
          status: 'PAUSED',
          frequency: 'every 2 hours',
          recordCount: { Task: 0 },
        }),
      ],
    },
    bad: (client) => client.syncStatus('tracker', ['none']),
    fails: NO_SYNC,
  },
  deleteSyncVariant: {
    good: (client) =>
      client.deleteSyncVariant({
        name: 'tasks',
        variant: 'blue',
        provider_config_key: 'tracker',
        connection_id: 'acme',
      }),
    gives: { success: true },
    bad: (client) =>
      client.deleteSyncVariant({
        name: 'tasks',
        variant: 'blue',
        provider_config_key: 'tracker',
        connection_id: 'acme',
      }),
    fails: NO_SYNC,
  },
  getEnvironmentVariables: {
    good: async (client) => {
      const body = JSON.stringify({ variables: [{ name: 'REGION', value: 'eu' }] });
      const headers = { authorization: `Bearer ${platform.caller.key}`, 'content-type': 'application/json' };
      await fetch(`${platform.caller.apiUrl}/environment-variables`, { method: 'PUT', headers, body });
      return client.getEnvironmentVariables();
    },
    gives: [{ name: 'REGION', value: 'eu' }],
    bad: () => new Nango({ host: platform.caller.apiUrl, secretKey: 'wrong' }).getEnvironmentVariables(),
    fails: { refused: 401, code: 'unknown_account' },
  },
  triggerAction: {
    good: (client) => client.triggerAction('tracker', 'acme', 'echo', { a: [1] }),
    gives: { got: { a: [1] } },
    bad: (client) => client.triggerAction('tracker', 'acme', 'refuse', {}),
    fails: { refused: 424, code: 'action_failed' },
  },
  triggerActionAsync: {
    good: (client) => client.triggerActionAsync('tracker', 'acme', 'echo', 7),
    gives: { id: expect.any(String), statusUrl: expect.stringMatching(/^\/action\//) },
    bad: (client) => client.triggerActionAsync('tracker', 'acme', 'none', 7),
    fails: { refused: 404, code: 'unknown_action' },
  },
  getAsyncActionResult: {
    good: async (client) => {
      const { id } = await client.triggerActionAsync('tracker', 'acme', 'echo', 7);
      for (;;) {
        const result = await outcomeOf(() => client.getAsyncActionResult({ id }));
        if (JSON.stringify(result) !== JSON.stringify(NOT_FOUND)) return result;
      }
    },
    gives: { got: 7 },
    bad: (client) => client.getAsyncActionResult({ id: 'none' }),
    fails: { refused: 404, code: 'unknown_run' },
  },
  proxy: proxied('proxy', 'GET', (client, config) => client.proxy({ ...config, method: 'GET' })),
  get: proxied('get', 'GET', (client, config) => client.get(config)),
  post: proxied('post', 'POST', (client, config) => client.post({ ...config, data: { a: 1 } })),
  put: proxied('put', 'PUT', (client, config) => client.put({ ...config, data: { a: 1 } })),
  patch: proxied('patch', 'PATCH', (client, config) => client.patch({ ...config, data: { a: 1 } })),
  delete: proxied('delete', 'DELETE', (client, config) => client.delete(config)),
  createConnectSession: {
    good: (client) => client.createConnectSession({ end_user: { id: 'ada' }, allowed_integrations: ['github'] }),
    gives: {
      data: { token: expect.any(String), connect_link: expect.any(String), expires_at: expect.any(String) },
    },
    bad: (client) => client.createConnectSession({ end_user: { id: 'ada' }, allowed_integrations: ['none'] }),
    fails: NO_INTEGRATION,
  },
  createReconnectSession: {
    good: (client) => client.createReconnectSession({ connection_id: 'octo', integration_id: 'github' }),
    gives: { data: expect.objectContaining({ token: expect.any(String) }) },
    bad: (client) => client.createReconnectSession({ connection_id: 'none', integration_id: 'github' }),
    fails: NO_CONNECTION,
  },
  verifyWebhookSignature: {
    good: () => signing().verifyWebhookSignature(sha256('key{"a":1}'), { a: 1 }),
    gives: true,
    bad: () => signing().verifyWebhookSignature(sha256('other{"a":1}'), { a: 1 }),
    fails: false,
  },
  verifyIncomingWebhookRequest: {
    good: () => signing().verifyIncomingWebhookRequest('{"a":1}', { 'X-Nango-Hmac-Sha256': hmac('key') }),
    gives: true,
    bad: () => signing().verifyIncomingWebhookRequest('{"a":1}', { 'X-Nango-Hmac-Sha256': hmac('other') }),
    fails: false,
  },
  deleteFunction: {
    good: (client) => client.deleteFunction({ uniqueKey: 'tracker', name: 'spare' }, { type: 'action' }),
    gives: { data: { success: true } },
    bad: (client) => client.deleteFunction({ uniqueKey: 'tracker', name: 'spare' }, { type: 'action' }),
    fails: NOT_FOUND,
  },
  deleteConnection: {
    good: (client) => client.deleteConnection('github', 'octo'),
    gives: expect.objectContaining({ status: 200, data: { success: true } }),
    bad: (client) => client.deleteConnection('github', 'octo'),
    fails: NO_CONNECTION,
  },
};

/** What goes through the proxy reaches the API with the connection's credentials; its refusals come back as they are. */
function proxied(
  name: string,
  method: string,
  make: (client: Nango, config: ReturnType<typeof to> & { headers: Record<string, string> }) => unknown,
): Case {
  return {
    good: async (client) => {
      upstream.answerWith({ status: 201, json: { name } });
      const answer = (await make(client, { ...to('/things?q=1'), headers: { 'x-own': 'yes' } })) as { data: unknown };
      const [request] = upstream.requests;
      return [request?.method, request?.url, request?.headers['authorization'], request?.headers['x-own'], answer.data];
    },
    gives: [method, '/things?q=1', 'Bearer example-token', 'yes', { name }],
    bad: (client) => {
      upstream.answerWith({ status: 418, json: { error: { code: 'teapot' } } });
      return make(client, { ...to('/things'), headers: {} });
    },
    fails: { refused: 418, code: 'teapot' },
  };
}

const signing = () => new Nango({ host: platform.caller.apiUrl, apiKey: 'any', webhookSigningKey: 'key' });
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string) => createHmac('sha256', key).update('{"a":1}').digest('hex');

/** Of the client's own making: they ask no server by themselves. */
const INNER = ['getConnectionDetails', 'enrichHeaders', 'triggerActionWithHeaders'];

test('every method of the client is in the table', () => {
  expect(Object.keys(CASES).sort()).toEqual(
    methodsOf(Nango)
      .filter((name) => !INNER.includes(name))
      .sort(),
  );
});

test.each(Object.entries(CASES))(
  '%s succeeds as the client expects',
  async (_name, { good, gives }) => {
    expect(await outcomeOf(() => good(nango()))).toEqual(gives);
  },
  60_000,
);

test.each(Object.entries(CASES))('%s fails as the client expects', async (_name, { bad, fails }) => {
  expect(await outcomeOf(() => bad(nango()))).toEqual(fails);
});

test('parameters arrive at the API as the client writes them, lists too (U092)', async () => {
  const params = { ids: ['1', '2'] as unknown as string, q: 'a b/c' };
  await nango().get({ ...to('/things'), params });
  await nango().get({ ...to('/things'), params: 'a[]=1&a[]=2&b=%2F+%20' });
  expect(upstream.requests.map(({ url }) => url)).toEqual([
    '/things?ids=1%2C2&q=a+b%2Fc',
    '/things?a[]=1&a[]=2&b=%2F+%20',
  ]);
});
