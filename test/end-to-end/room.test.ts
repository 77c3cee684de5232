import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, type RunJson, runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const platform = usePlatform({
  NANGO_MAX_RUNS_PER_CONNECTION: '1',
  NANGO_SYNC_TIMEOUT_MS: '20000',
  NANGO_ACTION_TIMEOUT_MS: '1000',
});
const upstream = useUpstream();

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  for (const connection of ['acme', 'globex']) await createConnection(platform.caller, 'tracker', connection);
  const source = (name: string) => `
export default async function fetchData(nango: any) {
  await nango.get({ endpoint: '/${name}', baseUrlOverride: '${upstream.url}' });
}`;
  const scripts = ['first', 'second'].map((name) => ({ name, source: source(name) }));
  await deployScripts(platform.caller, 'tracker', scripts);
});

test('more runs of a connection than may be at once wait in line, visibly, and begin when a place is free', async () => {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  upstream.handleWith(async ({ url }) => {
    if (url !== '/first') return { json: {} };
    asked.resolve();
    await released.promise;
    return { json: {} };
  });
  const first = await triggerSync(platform, { ...ACME, name: 'first' });
  await asked.promise;
  const second = await triggerSync(platform, { ...ACME, name: 'second' });
  await platform.event(({ event, fields }) => event === 'run.waiting' && fields['run'] === second);
  const line = '1 runs of its connection are under way, which is the most at once (NANGO_MAX_RUNS_PER_CONNECTION)';
  expect(await statusOf('second')).toMatchObject({
    status: 'WAITING',
    waitReason: line,
    resumeAt: expect.any(String),
  });
  expect((await runSync(platform, { ...ACME, connection: 'globex', name: 'second' })).state).toBe('success');
  expect(upstream.requests.filter(({ url }) => url === '/second')).toHaveLength(1);
  released.resolve();
  expect((await endedRun(platform, first)).state).toBe('success');
  const run = await endedRun(platform, second);
  expect(run.state).toBe('success');
  expect(await eventsOf(run)).toContain('workflowExecutionSignaledEventAttributes');
});

test('an action and a sync that run longer than their settings allow are stopped', async () => {
  upstream.handleWith(() => new Promise(() => undefined));
  const source = (parameters: string) => `
export default async function run(${parameters}) {
  await nango.get({ endpoint: '/never', baseUrlOverride: '${upstream.url}' });
}`;
  await deployScripts(platform.caller, 'tracker', [
    { name: 'endless', source: source('nango: any') },
    { name: 'endless-action', type: 'action', source: source('nango: any, input: any') },
  ]);
  const sync = await runSync(platform, { ...ACME, name: 'endless' });
  expect(sync).toMatchObject({
    state: 'failed',
    error: { code: 'script_timed_out', message: expect.stringContaining('longer than 20000 ms') },
  });
  const action = await fetch(`${platform.caller.apiUrl}/action/trigger`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${platform.caller.key}`,
      'content-type': 'application/json',
      'provider-config-key': 'tracker',
      'connection-id': 'acme',
    },
    body: JSON.stringify({ action_name: 'endless-action', input: {} }),
  });
  expect(await action.text()).toContain('longer than 1000 ms');
}, 120_000);

const ACME = { integration: 'tracker', connection: 'acme' };

async function statusOf(sync: string) {
  const query = `syncs=${sync}&provider_config_key=tracker&connection_id=acme`;
  return (await call<{ syncs: unknown[] }>(platform.caller, 'GET', `/sync/status?${query}`)).syncs[0];
}

async function eventsOf(run: RunJson): Promise<string[]> {
  const history = await platform.engine.client.workflow.getHandle(run.workflow_id).fetchHistory();
  return (history.events ?? []).flatMap((event) => Object.keys(event).filter((key) => key.endsWith('EventAttributes')));
}
