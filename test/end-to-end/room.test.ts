import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, type RunJson, runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const platform = usePlatform({ NANGO_MAX_RUNS_PER_CONNECTION: '1' });
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

const ACME = { integration: 'tracker', connection: 'acme' };

async function statusOf(sync: string) {
  const query = `syncs=${sync}&provider_config_key=tracker&connection_id=acme`;
  return (await call<{ syncs: unknown[] }>(platform.caller, 'GET', `/sync/status?${query}`)).syncs[0];
}

async function eventsOf(run: RunJson): Promise<string[]> {
  const history = await platform.engine.client.workflow.getHandle(run.workflow_id).fetchHistory();
  return (history.events ?? []).flatMap((event) => Object.keys(event).filter((key) => key.endsWith('EventAttributes')));
}
