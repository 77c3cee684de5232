import { expect, test } from '@jest/globals';
import { scheduleId } from '../../contract/ids.ts';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, type RunJson, runSync, usePlatform } from '../support/platform.ts';

const TASKS = `
export default async function fetchData(nango: any) {
  let cursor: string | null = null;
  const since = nango.lastSyncDate;
  do {
    const { data }: any = await nango.get({
      endpoint: '/tasks',
      params: { limit: 10, ...(cursor && { cursor }), ...(since && { updated_since: since.toISOString() }) },
    });
    const gone = data.tasks.filter((task: any) => task.deleted);
    await nango.batchSave(data.tasks.filter((task: any) => !task.deleted), 'Task');
    if (gone.length > 0) await nango.batchDelete(gone, 'Task');
    cursor = data.next_cursor;
  } while (cursor);
}`;

const POST = `
export default async function runAction(nango: any, input: any) {
  const { data } = await nango.post({ endpoint: '/chat/postMessage', data: input });
  return data;
}`;

type Records = { records: { id: string; title: string; _nango_metadata: { last_action: string; cursor: string } }[] };

const platform = usePlatform();

test('a deployed sync reaches existing and new connections, each with a first run that starts by itself', async () => {
  const { caller } = platform;
  await createIntegration(caller, 'task-tracker', 'example-tracker');
  await createConnection(caller, 'task-tracker', 'acme');
  await deployScripts(caller, 'task-tracker', [{ name: 'tasks', source: TASKS, autoStart: true }]);
  await createConnection(caller, 'task-tracker', 'globex');
  const { runs } = await call<{ runs: RunJson[] }>(caller, 'GET', '/runs');
  expect(runs.map((run) => run.connection_id).sort()).toEqual(['acme', 'globex']);
  for (const { id } of runs) {
    const run = await endedRun(platform, id);
    expect(run).toMatchObject({ state: 'success', started_by: 'creation', counts: { Task: { added: 25 } } });
  }
  expect(platform.upstream.requests()).toBe(6);
});

test('a run of the schedule is incremental, and a reader with a cursor gets exactly what changed', async () => {
  const before = await records();
  const cursor = before.records.at(-1)?._nango_metadata.cursor;
  const added = platform.upstream.addTask({ title: 'New' });
  platform.upstream.changeTask('task-1', { title: 'Changed' });
  platform.upstream.deleteTask('task-2');
  const address = {
    environment: 'dev',
    integration: 'task-tracker',
    connection: 'acme',
    sync: 'tasks',
    variant: 'base',
  };
  await platform.engine.client.schedule.getHandle(scheduleId(address)).trigger();
  const started = await platform.event(
    ({ event, fields }) => event === 'run.ended' && fields['startedBy'] === 'schedule',
  );
  expect(started.fields['state']).toBe('success');
  const changed = await records(cursor);
  expect(changed.records.map(({ id, _nango_metadata }) => [id, _nango_metadata.last_action])).toEqual(
    expect.arrayContaining([
      [added.id, 'ADDED'],
      ['task-1', 'UPDATED'],
      ['task-2', 'DELETED'],
    ]),
  );
  expect(changed.records).toHaveLength(3);
});

test('an action answers with what its script returns', async () => {
  const { caller } = platform;
  await createIntegration(caller, 'team-chat', 'example-chat');
  await createConnection(caller, 'team-chat', 'acme');
  await deployScripts(caller, 'team-chat', [{ name: 'post-message', source: POST, type: 'action' }]);
  const input = { channel: 'general', text: 'hello' };
  const answer = await call(caller, 'POST', '/action/trigger', { action_name: 'post-message', input }, [], {
    'provider-config-key': 'team-chat',
    'connection-id': 'acme',
  });
  expect(answer).toMatchObject({ ok: true, channel: 'general' });
});

test('a trigger while a run is under way joins it', async () => {
  const { caller } = platform;
  const slow = `export default async function fetchData(nango: any) { await new Promise((r) => setTimeout(r, 1500)); }`;
  await deployScripts(caller, 'task-tracker', [{ name: 'slow', source: slow }]);
  const trigger = () =>
    call<{ runs: { state: string; run_id: string }[] }>(caller, 'POST', '/sync/trigger', {
      syncs: ['slow'],
      provider_config_key: 'task-tracker',
      connection_id: 'acme',
    });
  const first = await trigger();
  await platform.event(({ event, fields }) => event === 'run.started' && fields['run'] === first.runs[0]?.run_id);
  const second = await trigger();
  expect(second.runs).toEqual([expect.objectContaining({ state: 'joined', run_id: first.runs[0]?.run_id })]);
  await endedRun(platform, first.runs[0]?.run_id ?? '');
});

test('a deployment without a sync deletes its schedules and keeps its records', async () => {
  const { caller } = platform;
  await deployScripts(caller, 'task-tracker', [{ name: 'other', source: TASKS }], { reconcile: true });
  const address = {
    environment: 'dev',
    integration: 'task-tracker',
    connection: 'acme',
    sync: 'tasks',
    variant: 'base',
  };
  await expect(platform.engine.client.schedule.getHandle(scheduleId(address)).describe()).rejects.toMatchObject({
    name: 'ScheduleNotFoundError',
  });
  expect((await records()).records).toHaveLength(26);
  expect((await runSync(platform, { integration: 'task-tracker', connection: 'acme', name: 'other' })).state).toBe(
    'success',
  );
});

function records(cursor?: string): Promise<Records> {
  const query = new URLSearchParams({ model: 'Task', ...(cursor !== undefined && { cursor }) });
  const headers = { 'provider-config-key': 'task-tracker', 'connection-id': 'acme' };
  return call<Records>(platform.caller, 'GET', `/records?${query}`, undefined, [], headers);
}
