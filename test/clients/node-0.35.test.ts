import { expect, test } from '@jest/globals';
import { Nango } from 'nango-node-0.35';
import { methodsOf, outcomeOf, useProject } from './use-project.ts';

const { platform, upstream } = useProject();

const nango = () => new Nango({ host: platform.caller.apiUrl, secretKey: platform.caller.key });
const acme = { providerConfigKey: 'tracker', connectionId: 'acme' };
const to = (endpoint: string) => ({ ...acme, endpoint, baseUrlOverride: upstream.url });
const NO_INTEGRATION = { refused: 404, code: 'unknown_provider_config' };
const NO_CONNECTION = { refused: 404, code: 'unknown_connection' };
const NO_SYNC = { refused: 404, code: 'unknown_sync' };

type Case = {
  readonly good?: (client: Nango) => unknown;
  readonly gives?: unknown;
  readonly bad: (client: Nango) => unknown;
  readonly fails: unknown;
};

/** Each method of the client of 2023 once with success and once with failure. Three of them do nothing but refuse. */
const CASES: Readonly<Record<string, Case>> = {
  getToken: {
    good: (client) => client.getToken('github', 'octo'),
    gives: 'gho_1',
    bad: (client) => client.getToken('github', 'none'),
    fails: NO_CONNECTION,
  },
  getRawTokenResponse: {
    good: (client) => client.getRawTokenResponse('github', 'octo'),
    gives: { access_token: 'gho_1' },
    bad: (client) => client.getRawTokenResponse('github', 'none'),
    fails: NO_CONNECTION,
  },
  getConnection: {
    good: (client) => client.getConnection('tracker', 'acme', false, true),
    gives: expect.objectContaining({
      connection_id: 'acme',
      credentials: { type: 'API_KEY', apiKey: 'example-token' },
    }),
    bad: (client) => client.getConnection('none', 'acme'),
    fails: NO_INTEGRATION,
  },
  listConnections: {
    good: (client) => client.listConnections('acme'),
    gives: { connections: [expect.objectContaining({ connection_id: 'acme', provider: 'example-tracker' })] },
    bad: () => new Nango({ host: platform.caller.apiUrl, secretKey: 'wrong' }).listConnections(),
    fails: { refused: 401, code: 'unknown_account' },
  },
  getIntegration: {
    good: (client) => client.getIntegration('tracker', true),
    gives: { config: expect.objectContaining({ unique_key: 'tracker', provider: 'example-tracker' }) },
    bad: (client) => client.getIntegration('none'),
    fails: NO_INTEGRATION,
  },
  setMetadata: {
    good: (client) => client.setMetadata('tracker', 'acme', { a: 1 }),
    gives: expect.objectContaining({ status: 201, data: { a: 1 } }),
    bad: (client) => client.setMetadata('tracker', 'none', { a: 1 }),
    fails: NO_CONNECTION,
  },
  getMetadata: {
    good: (client) => client.getMetadata('tracker', 'acme'),
    gives: { a: 1 },
    bad: (client) => client.getMetadata('tracker', 'none'),
    fails: NO_CONNECTION,
  },
  setFieldMapping: {
    bad: (client) => client.setFieldMapping({}),
    fails: { thrown: expect.stringContaining('deprecated') },
  },
  getFieldMapping: {
    bad: (client) => client.getFieldMapping(),
    fails: { thrown: expect.stringContaining('deprecated') },
  },
  getRecords: {
    good: (client) =>
      client.getRecords({
        ...acme,
        model: 'Task',
        sortBy: 'createdAt',
        order: 'asc',
        limit: 1,
        offset: 1,
        filter: 'added',
      }),
    gives: [expect.objectContaining({ id: '2', title: 'two' })],
    bad: (client) => client.getRecords({ ...acme, model: 'None' }),
    fails: { refused: 404, code: 'unknown_model' },
  },
  triggerSync: {
    good: (client) => client.triggerSync('tracker', ['tasks'], 'acme'),
    gives: expect.objectContaining({ data: expect.objectContaining({ success: true }) }),
    bad: (client) => client.triggerSync('tracker', ['none'], 'acme'),
    fails: NO_SYNC,
  },
  startSync: {
    good: (client) => client.startSync('tracker', ['tasks'], 'acme'),
    gives: undefined,
    bad: (client) => client.startSync('tracker', ['none'], 'acme'),
    fails: NO_SYNC,
  },
  pauseSync: {
    good: (client) => client.pauseSync('tracker', ['tasks'], 'acme'),
    gives: undefined,
    bad: (client) => client.pauseSync('none', ['tasks']),
    fails: NO_INTEGRATION,
  },
  syncStatus: {
    good: (client) => client.syncStatus('tracker', '*', 'acme'),
    gives: { syncs: [expect.objectContaining({ name: 'tasks', frequency: 'every 1h', id: expect.any(String) })] },
    bad: (client) => client.syncStatus('tracker', ['none']),
    fails: NO_SYNC,
  },
  triggerAction: {
    good: (client) => client.triggerAction('tracker', 'acme', 'echo', { a: 1 }),
    gives: { got: { a: 1 } },
    bad: (client) => client.triggerAction('tracker', 'acme', 'none', {}),
    fails: { refused: 404, code: 'unknown_action' },
  },
  createConnection: {
    bad: (client) => client.createConnection({} as never),
    fails: { thrown: expect.stringContaining('deprecated') },
  },
  getEnvironmentVariables: {
    good: (client) => client.getEnvironmentVariables(),
    gives: [],
    bad: () => new Nango({ host: platform.caller.apiUrl, secretKey: 'wrong' }).getEnvironmentVariables(),
    fails: { refused: 401, code: 'unknown_account' },
  },
  proxy: proxied('PUT', (client, config) => client.proxy({ ...config, method: 'PUT', data: {} })),
  get: proxied('GET', (client, config) => client.get(config)),
  post: proxied('POST', (client, config) => client.post({ ...config, data: {} })),
  patch: proxied('PATCH', (client, config) => client.patch({ ...config, data: {} })),
  delete: proxied('DELETE', (client, config) => client.delete(config)),
  deleteConnection: {
    good: (client) => client.deleteConnection('github', 'octo'),
    gives: expect.objectContaining({ status: 200 }),
    bad: (client) => client.deleteConnection('github', 'octo'),
    fails: NO_CONNECTION,
  },
};

function proxied(method: string, make: (client: Nango, config: ReturnType<typeof to>) => unknown): Case {
  return {
    good: async (client) => {
      upstream.answerWith({ json: { ok: true } });
      const answer = (await make(client, to('/things'))) as { data: unknown };
      const [request] = upstream.requests;
      return [request?.method, request?.headers['authorization'], answer.data];
    },
    gives: [method, 'Bearer example-token', { ok: true }],
    bad: (client) => make(client, { ...to('/things'), connectionId: 'none' }),
    fails: NO_CONNECTION,
  };
}

const INNER = ['getConnectionDetails', 'listConnectionDetails', 'enrichHeaders'];

test('every method of the client is in the table', () => {
  expect(Object.keys(CASES).sort()).toEqual(
    methodsOf(Nango)
      .filter((name) => !INNER.includes(name))
      .sort(),
  );
});

const succeeding = Object.entries(CASES).flatMap(([name, { good, gives }]) => (good ? [{ name, good, gives }] : []));

test.each(succeeding)('$name succeeds as the client expects', async ({ good, gives }) => {
  const outcome = await outcomeOf(() => good(nango()));
  if (gives === undefined) expect(outcome).not.toHaveProperty('refused');
  else expect(outcome).toEqual(gives);
});

test.each(Object.entries(CASES))('%s fails as the client expects', async (_name, { bad, fails }) => {
  expect(await outcomeOf(() => bad(nango()))).toEqual(fails);
});

test('parameters arrive at the API as the client writes them, lists too (U092)', async () => {
  const params = { ids: ['1', '2'] as unknown as string, q: 'a b/c' };
  await nango().get({ ...to('/things'), params });
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/things?ids%5B%5D=1&ids%5B%5D=2&q=a+b%2Fc']);
});
