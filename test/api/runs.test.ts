import { expect, test } from '@jest/globals';
import { addLogLines } from '../../store/run-logs.ts';
import { beginAttempt, endRun } from '../../store/runs.ts';
import { withTransaction } from '../../store/db.ts';
import { saveRecords } from '../../store/records.ts';
import { NOW, useApi } from '../support/api.ts';
import { createTracker, deployFlows, flow } from '../support/deployment.ts';

const api = useApi();

async function oneRun(key: string): Promise<string> {
  await createTracker(api, key);
  await deployFlows(api, flow(key, 'tasks'));
  return (await api.call('GET', `/runs?provider_config_key=${key}`)).body.runs[0].id;
}

test('a run shows state, counts, requests, error with its place, workflow and link', async () => {
  const id = await oneRun('shown');
  const attempt = await beginAttempt(api.db, { runId: id, workflowRunId: 'w1', at: NOW });
  const scope = { connectionRow: attempt?.connectionRow ?? '', model: 'Task', variant: 'base' };
  const write = { ...scope, runId: id, fence: 1, syncId: null, ids: ['a'], at: NOW };
  await withTransaction(api.db, (db) => saveRecords(db, write, ['{"id":"a"}']));
  const failure = {
    code: 'script_failed',
    message: 'boom',
    location: { file: 'tasks.ts', line: 7, column: 2 },
  } as const;
  await endRun(api.db, { runId: id, fence: 1, state: 'failed', failure, output: null, at: NOW });
  expect((await api.call('GET', `/runs/${id}`)).body).toMatchObject({
    id,
    kind: 'sync',
    name: 'tasks',
    connection_id: 'c1',
    provider_config_key: 'shown',
    started_by: 'creation',
    state: 'failed',
    counts: { Task: { added: 1, updated: 0, deleted: 0 } },
    error: failure,
    workflow_id: expect.stringContaining('sync:dev:shown:c1:tasks'),
    workflow_run_id: 'w1',
    link: expect.stringContaining('http://temporal.test/'),
    started_at: NOW.toISOString(),
    finished_at: NOW.toISOString(),
  });
});

test('the log pages by line number', async () => {
  const id = await oneRun('logged');
  const lines = [1, 2, 3, 4, 5].map((seq) => ({ seq, at: NOW, level: 'info' as const, message: `line ${seq}` }));
  await addLogLines(api.db, id, lines);
  await addLogLines(api.db, id, [{ seq: 5, at: NOW, level: 'info', message: 'repeated' }]);
  const page = async (query: string) => (await api.call('GET', `/runs/${id}?${query}`)).body;
  expect(await page('limit=2')).toMatchObject({
    logs: [{ seq: 1, at: NOW.toISOString(), level: 'info', message: 'line 1' }, { seq: 2 }],
    logs_after: 2,
  });
  expect(await page('after=2')).toMatchObject({ logs: [{ seq: 3 }, { seq: 4 }, { message: 'line 5' }], logs_after: 5 });
  expect(await page('after=5')).toMatchObject({ logs: [], logs_after: 5 });
});

test('runs are listed newest first, by integration, connection and name', async () => {
  await createTracker(api, 'list', ['c1', 'c2']);
  await deployFlows(api, flow('list', 'tasks'), flow('list', 'users'));
  const list = async (query: string) =>
    (await api.call('GET', `/runs?provider_config_key=list&${query}`)).body.runs.map(
      (run: Record<string, string>) => `${run['connection_id']} ${run['name']}`,
    );
  expect((await list('')).sort()).toEqual(['c1 tasks', 'c1 users', 'c2 tasks', 'c2 users']);
  expect(await list('connection_id=c1&name=users')).toEqual(['c1 users']);
  expect(await list('limit=1')).toHaveLength(1);
  expect((await api.call('GET', '/runs?limit=0')).status).toBe(400);
});

test('the list goes on behind its cursor, with every run once, and ends with null', async () => {
  await createTracker(api, 'paged', ['c1', 'c2', 'c3']);
  await deployFlows(api, flow('paged', 'tasks'), flow('paged', 'users'));
  const all = (await api.call('GET', '/runs?provider_config_key=paged')).body;
  expect([all.runs.length, all.next_cursor]).toEqual([6, null]);
  const seen: string[] = [];
  let cursor = '';
  for (let pages = 0; pages < 3; pages += 1) {
    const { runs, next_cursor: next } = (await api.call('GET', `/runs?provider_config_key=paged&limit=2${cursor}`))
      .body;
    seen.push(...runs.map((run: { id: string }) => run.id));
    cursor = `&cursor=${next}`;
  }
  expect(seen).toEqual(all.runs.map((run: { id: string }) => run.id));
  expect((await api.call('GET', `/runs?provider_config_key=paged&limit=2${cursor}`)).body).toEqual({
    runs: [],
    next_cursor: null,
  });
  expect((await api.call('GET', '/runs?cursor=nonsense')).status).toBe(400);
  // By its id alone a connection of any integration is meant.
  expect((await api.call('GET', '/runs?connection_id=c2&name=users&limit=1')).body.runs).toMatchObject([
    { connection_id: 'c2', name: 'users' },
  ]);
  expect((await api.call('GET', '/runs?connection_id=nobody')).body.runs).toEqual([]);
});

test('a queued run is cancelled at once, one that has ended is not, and Temporal is told', async () => {
  const id = await oneRun('cancelled');
  api.engine.reset();
  const cancelled = await api.call('POST', `/runs/${id}/cancel`);
  expect(cancelled.body).toEqual({ run_id: id, state: 'cancelled' });
  const { body: run } = await api.call('GET', `/runs/${id}`);
  expect(run).toMatchObject({ state: 'cancelled', finished_at: NOW.toISOString(), error: { code: 'script_aborted' } });
  expect(api.engine.calls).toEqual([['cancel', run.workflow_id]]);
  expect(api.events).toContainEqual({ event: 'run.ended', fields: expect.objectContaining({ run: id }) });
  expect(await beginAttempt(api.db, { runId: id, workflowRunId: 'w1', at: NOW })).toBeUndefined();
  const ended = await oneRun('ended');
  await beginAttempt(api.db, { runId: ended, workflowRunId: 'w2', at: NOW });
  await endRun(api.db, { runId: ended, fence: 1, state: 'success', failure: null, output: null, at: NOW });
  const refused = await api.call('POST', `/runs/${ended}/cancel`);
  expect([refused.status, refused.body.error.message]).toEqual([
    409,
    expect.stringContaining('ended already (success)'),
  ]);
});

test('an unknown run, and one of another environment, is named', async () => {
  const id = await oneRun('hidden');
  const unknown = await api.call('GET', '/runs/nope');
  expect([unknown.status, unknown.body.error.code]).toEqual([404, 'unknown_run']);
  expect(unknown.body.error.message).toContain("'nope'");
  expect((await api.call('GET', `/runs/${id}`, { key: api.otherKey })).status).toBe(404);
  expect((await api.call('POST', `/runs/${id}/cancel`, { key: api.otherKey })).status).toBe(404);
  expect((await api.call('GET', '/runs?provider_config_key=nowhere')).body.error.code).toBe('unknown_provider_config');
  expect((await api.call('GET', '/runs?provider_config_key=hidden&connection_id=x')).body.error.code).toBe(
    'unknown_connection',
  );
});
