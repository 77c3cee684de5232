/** Requests that tests of the API send again and again. */
import type { TestApi } from './api.ts';

/** Integration `key` and, for each id, a connection of it to `baseUrl`. */
export async function createTracker(
  api: TestApi,
  key: string,
  connections: readonly string[] = ['c1'],
  baseUrl = 'http://127.0.0.1:1',
): Promise<void> {
  await expectOk(api.call('POST', '/integrations', { body: { provider: 'tracker', unique_key: key } }));
  for (const id of connections) {
    const body = {
      provider_config_key: key,
      connection_id: id,
      credentials: { apiKey: `key of ${id}` },
      connection_config: { baseUrl },
    };
    await expectOk(api.call('POST', '/connections', { body }));
  }
}

/** One entry of a deployment's `flowConfigs`. */
export function flow(key: string, name: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: 'sync',
    syncName: name,
    providerConfigKey: key,
    models: ['Task'],
    runs: 'every hour',
    track_deletes: false,
    auto_start: true,
    metadata: { description: 'Tasks' },
    fileBody: { js: `exports.default = () => '${name}';`, ts: 'export default () => {};' },
    ...changes,
  };
}

export function action(key: string, name: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return flow(key, name, { type: 'action', runs: null, models: [], ...changes });
}

export function deployment(flows: readonly unknown[], changes: Record<string, unknown> = {}) {
  return { flowConfigs: flows, nangoYamlBody: '', reconcile: false, debug: false, ...changes };
}

/** Deploys these scripts beside what is there. */
export async function deployFlows(api: TestApi, ...flows: readonly unknown[]): Promise<void> {
  await expectOk(api.call('POST', '/sync/deploy', { body: deployment(flows) }));
}

async function expectOk(answer: ReturnType<TestApi['call']>): Promise<void> {
  const { status, text } = await answer;
  if (status >= 300) throw new Error(`${status} ${text}`);
}
