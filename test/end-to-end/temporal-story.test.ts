import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, type RunJson, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const platform = usePlatform();
const upstream = useUpstream();
const at = { integration: 'task tracker', connection: 'acme + co', name: 'rows' } as const;

beforeAll(async () => {
  await createIntegration(platform.caller, at.integration, 'example-tracker');
  await createConnection(platform.caller, at.integration, at.connection);
  const source = `
export default async function fetchData(nango: any) {
  const ask = (endpoint: string) => nango.get({ endpoint, baseUrlOverride: '${upstream.url}' });
  await nango.batchSave((await ask('/rows')).data.rows, 'Task');
  await ask('/held');
}`;
  await deployScripts(platform.caller, at.integration, [{ name: at.name, source, models: ['Task'] }]);
});

test('the Temporal Web UI alone tells which sync of whom a workflow is, how far it is, and what it did', async () => {
  const released = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  upstream.handleWith(async ({ url }) => {
    if (url !== '/held') return { json: { rows: [{ id: '1' }, { id: '2' }] } };
    asked.resolve();
    await released.promise;
    return { json: {} };
  });
  const runId = await triggerSync(platform, at);
  await asked.promise;
  const { workflow_id: id } = await call<RunJson>(platform.caller, 'GET', `/runs/${runId}`);
  // Parts that a person can read, and that no two names share.
  expect(id).toBe(`sync:dev:task%20tracker:acme%20%2B%20co:rows:run:${runId}`);
  const { client } = platform.engine;
  const handle = client.workflow.getHandle(id);
  const described = await handle.describe();
  expect(
    Object.fromEntries(described.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])),
  ).toEqual(expect.objectContaining({ NangoEnvironment: 'dev', NangoConnection: at.connection, NangoSync: at.name }));
  expect(await described.staticSummary()).toBe('sync task tracker/rows of acme + co (dev)');
  expect(await described.staticDetails()).toContain('- connection `acme + co`');
  // While it runs, its heartbeats say how far it has got, the call under way included.
  await untilProgress(id, { attempt: 1, requests: 2, added: 2, updated: 0, deleted: 0 });
  released.resolve();
  await endedRun(platform, runId);
  await handle.result();
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toBe('Task: 2 added, 0 updated, 0 deleted');
  await untilFound(`NangoConnection = '${at.connection}' and NangoSync = '${at.name}'`, id);
});

/** Resolves once the activity's last heartbeat said that. */
async function untilProgress(id: string, wanted: object): Promise<void> {
  await until(`heartbeat that says ${JSON.stringify(wanted)}`, async () => {
    const { raw } = await platform.engine.client.workflow.getHandle(id).describe();
    const data = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0]?.data;
    const told: unknown = data?.length ? JSON.parse(Buffer.from(data).toString()) : undefined;
    return JSON.stringify(told) === JSON.stringify(wanted);
  });
}

/** Resolves once a search finds the workflow: visibility follows after a moment. */
async function untilFound(query: string, id: string): Promise<void> {
  await until(`workflow ${id} by ${query}`, async () => {
    for await (const { workflowId } of platform.engine.client.workflow.list({ query }))
      if (workflowId === id) return true;
    return false;
  });
}
