import { expect, test } from '@jest/globals';
import { createDryHost } from '../../cli/host.ts';
import { proxyCall } from '../../cli/proxy-call.ts';
import type { ConnectionView, Host } from '../../contract/host.ts';

const OWN = { providerConfigKey: 'tracker', connectionId: 'acme' };
const CONNECTION: ConnectionView = {
  id: 1,
  connection_id: 'acme',
  provider_config_key: 'tracker',
  provider: 'tracker',
  connection_config: {},
  metadata: {},
  credentials: {},
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
};

function createHost(logged: string[] = []) {
  const nobody = () => Promise.reject(new Error('Nothing is asked of the server here'));
  return createDryHost({
    variant: 'base',
    client: { environment: 'dev', server: 'http://localhost', call: nobody, read: nobody, send: nobody },
    connection: CONNECTION,
    kind: 'sync',
    models: ['Task'],
    checkpoint: { page: 7 },
    log: (level, message) => logged.push(`${level} ${message}`),
  });
}

type Context = Parameters<Host['log']>[1];
const context = (body?: string): Context => ({ body, signal: new AbortController().signal }) as Context;
const save = (host: Host, ids: string[], rows: unknown[]) =>
  host.saveRecords({ model: 'Task', ids }, context(`[${rows.map((row) => JSON.stringify(row)).join(',\n')}]`));

test('counts are what the batches of the run mean together', async () => {
  const { host, records } = createHost();
  await save(host, ['a', 'b'], [{ id: 'a' }, { id: 'b' }]);
  await save(host, ['a', 'b'], [{ id: 'a' }, { id: 'b', title: 'new' }]);
  await host.deleteRecords({ model: 'Task', ids: ['a', 'elsewhere'] }, context());
  expect(records()).toEqual([
    {
      model: 'Task',
      counts: { added: 2, updated: 1, deleted: 1 },
      saved: [{ id: 'b', title: 'new' }],
      deleted: ['a', 'elsewhere'],
    },
  ]);
});

test('text that Postgres would not take is cleaned as in production', async () => {
  const { host, records } = createHost();
  await host.saveRecords({ model: 'Task', ids: ['a'] }, context('[{"id":"a","title":"x\\u0000y\\ud800"}]'));
  expect(records()[0]?.saved).toEqual([{ id: 'a', title: 'xy\ufffd' }]);
});

test('a model that is not declared is refused, saved or deleted', async () => {
  const { host } = createHost();
  const refused = { code: 'record_invalid', message: expect.stringContaining("expected one of 'Task'") };
  await expect(host.saveRecords({ model: 'Other', ids: [] }, context('[]'))).rejects.toMatchObject(refused);
  await expect(host.deleteRecords({ model: 'Other', ids: [] }, context())).rejects.toMatchObject(refused);
});

test('the checkpoint is the one given, then the one saved, and lasts for the run', async () => {
  const { host } = createHost();
  expect(await host.getCheckpoint({}, context())).toEqual({ value: { page: 7 } });
  await host.saveCheckpoint({ checkpoint: { page: 8 } }, context());
  expect(await host.getCheckpoint({}, context())).toEqual({ value: { page: 8 } });
  await host.saveCheckpoint({ checkpoint: null }, context());
  expect(await host.getCheckpoint({}, context())).toEqual({ value: null });
});

test('setMetadata replaces and updateMetadata merges, for this run, and both are said', async () => {
  const logged: string[] = [];
  const { host } = createHost(logged);
  await host.setMetadata({ metadata: { a: 1, b: 1 } }, context());
  await host.updateMetadata({ metadata: { b: 2 } }, context());
  const { value } = await host.getConnection({}, context());
  expect(value.metadata).toEqual({ a: 1, b: 2 });
  expect(logged).toEqual([
    'info dry run: the metadata would become {"a":1,"b":1}',
    'info dry run: the metadata would become {"a":1,"b":2}',
  ]);
});

test.each([
  ['/tasks', undefined, '/proxy/tasks'],
  ['tasks?x=1', { y: ['a b', 'c'] }, '/proxy/tasks?x=1&y=a+b&y=c'],
  ['/a%2Fb/ü', undefined, '/proxy/a%2Fb/%C3%BC'],
  ['/../../sync/deploy', undefined, '/proxy/sync/deploy'],
  ['//evil.example/x', undefined, '/proxy//evil.example/x'],
  ['/tasks#part', 'q=1', '/proxy/tasks?q=1'],
])('the endpoint %p with params %j is asked as %s', async (endpoint, params, path) => {
  const call = await proxyCall({ method: 'GET', endpoint, ...(params === undefined ? {} : { params }) }, OWN);
  expect(call.path).toBe(path);
});

test('what the call asks for becomes headers of the proxy', async () => {
  const { headers, body } = await proxyCall(
    {
      method: 'POST',
      endpoint: '/x',
      headers: { 'X-Own': '1', 'Content-Type': 'application/x-www-form-urlencoded' },
      data: { a: [1, 2] },
      retries: 3,
      retryOn: [409, 423],
      baseUrlOverride: 'https://eu.tracker.example',
      connectionId: 'other',
    },
    OWN,
  );
  expect(headers).toEqual({
    'provider-config-key': 'tracker',
    'connection-id': 'other',
    'nango-is-dry-run': 'true',
    decompress: 'true',
    'content-type': 'application/x-www-form-urlencoded',
    retries: '3',
    'retry-on': '409,423',
    'base-url-override': 'https://eu.tracker.example',
    'nango-proxy-accept': 'application/json, text/plain, */*',
    'nango-proxy-x-own': '1',
  });
  expect(String(body)).toBe('a%5B%5D=1&a%5B%5D=2');
});

test('an endpoint with a host of its own is asked there', async () => {
  const call = await proxyCall({ method: 'GET', endpoint: 'https://api.tracker.example/v1/tasks?x=1' }, OWN);
  expect(call.path).toBe('/proxy/v1/tasks?x=1');
  expect(call.headers['base-url-override']).toBe('https://api.tracker.example');
});
