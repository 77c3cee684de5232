/** The first moments of a namespace that nobody has used: what Temporal registers and lists comes later than it says. */
import { expect, test } from '@jest/globals';
import { SEARCH_ATTRIBUTES } from '../../contract/engine.ts';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { until } from '../support/until.ts';

const platform = usePlatform();
const sync = { integration: 'tracker', connection: 'acme', name: 'tasks' };

test('U115: the first run of a fresh namespace works at once, and is found by its attributes once they are listed', async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await createConnection(platform.caller, 'tracker', 'acme');
  const source = `export default async (nango: any) => { await nango.batchSave([{ id: '1' }], 'Task'); };`;
  await deployScripts(platform.caller, 'tracker', [{ name: 'tasks', source }]);
  const run = await runSync(platform, sync);
  expect(run).toMatchObject({ state: 'success', counts: { Task: { added: 1 } } });
  const [attribute = ''] = Object.values(SEARCH_ATTRIBUTES);
  const { searchAttributes } = await platform.engine.client.workflow.getHandle(run.workflow_id).describe();
  const [value] = (searchAttributes[attribute] ?? []) as string[];
  const found = async (): Promise<string[]> => {
    const ids: string[] = [];
    const query = `${attribute} = '${value}'`;
    for await (const { workflowId } of platform.engine.client.workflow.list({ query })) ids.push(workflowId);
    return ids;
  };
  await until(`workflow ${run.workflow_id} in the list`, async () => (await found()).includes(run.workflow_id));
}, 120_000);

test('U115: a deleted sync stays away, though Temporal may list its schedule for a while', async () => {
  await call(platform.caller, 'DELETE', '/integrations/tracker/functions/tasks?type=sync');
  const status = await call<unknown>(
    platform.caller,
    'GET',
    '/sync/status?syncs=*&provider_config_key=tracker&connection_id=acme',
  );
  expect(status).toEqual({ syncs: [] });
  const schedules = async (): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { scheduleId } of platform.engine.client.schedule.list()) ids.push(scheduleId);
    return ids.filter((id) => id.startsWith('sync:'));
  };
  await until('list without schedules', async () => (await schedules()).length === 0);
}, 120_000);
