import { expect, test } from '@jest/globals';
import { writeCheckpoint } from '../../store/checkpoints.ts';
import { withTransaction } from '../../store/db.ts';
import { savePendingCalls } from '../../store/journal.ts';
import { saveRecords } from '../../store/records.ts';
import { lockTriggers } from '../../store/locks.ts';
import { beginAttempt, countFlush, endRun } from '../../store/runs.ts';
import { fixLastSyncDate, takeLease } from '../../store/lease.ts';
import { NOW, useApi } from '../support/api.ts';
import { untilWaiting } from '../support/database.ts';
import { createTracker, deployFlows, flow } from '../support/deployment.ts';

const api = useApi();
const trigger = (body: Record<string, unknown>, headers: Record<string, string> = {}) =>
  api.call('POST', '/sync/trigger', { body, headers });
const status = async (key: string, query = 'syncs=*') =>
  (await api.call('GET', `/sync/status?${query}&provider_config_key=${key}`)).body.syncs;

/** A deployed sync whose first run has not begun. */
async function deployed(key: string, connections = ['c1']): Promise<void> {
  await createTracker(api, key, connections);
  await deployFlows(api, flow(key, 'tasks'));
}

/** The run goes on to this state, as the worker would do it. */
async function move(runId: string, state: 'running' | 'success' | 'failed'): Promise<void> {
  const { rows } = await api.db.query('select sync_id::text, connection_id::text from runs where id = $1', [runId]);
  const attempt = await beginAttempt(api.db, { runId, workflowRunId: `w-${runId}`, at: NOW });
  await takeLease(api.db, { syncId: rows[0].sync_id, runId, instead: null });
  if (state === 'running') return;
  const scope = { connectionRow: rows[0].connection_id, model: 'Task', variant: 'base' };
  const write = { ...scope, runId, fence: attempt?.fence ?? -1, syncId: null, at: NOW };
  await withTransaction(api.db, (db) => saveRecords(db, { ...write, ids: ['a', 'b'] }, ['{"id":"a"}', '{"id":"b"}']));
  const failure = state === 'failed' ? ({ code: 'script_failed', message: 'no' } as const) : null;
  await endRun(api.db, { runId, fence: null, state, failure, output: null, at: NOW });
}

test('a trigger starts a run and answers its id and link', async () => {
  await deployed('start');
  const [first] = (await api.call('GET', '/runs?provider_config_key=start')).body.runs;
  await move(first.id, 'success');
  const { body } = await trigger({ syncs: ['tasks'], provider_config_key: 'start', connection_id: 'c1' });
  expect(body).toMatchObject({
    success: true,
    runs: [{ sync: 'tasks', connection_id: 'c1', state: 'started', link: expect.any(String) }],
  });
  expect(body.runs[0].run_id).not.toBe(first.id);
  const started = api.engine.calls.find(([method]) => method === 'startSync');
  expect(started?.[1]).toMatchObject({ runId: body.runs[0].run_id, workflowId: body.runs[0].workflow_id });
});

test('a trigger while a run is queued or running joins that run', async () => {
  await deployed('join');
  const [first] = (await api.call('GET', '/runs?provider_config_key=join')).body.runs;
  const expected = [{ state: 'joined', run_id: first.id }];
  expect((await trigger({ syncs: [], provider_config_key: 'join' })).body.runs).toMatchObject(expected);
  await move(first.id, 'running');
  expect((await trigger({ syncs: ['tasks'], provider_config_key: 'join' })).body.runs).toMatchObject(expected);
  expect(api.engine.calls.map(([method]) => method)).not.toContain('startSync');
});

test('U110: triggers at once come to one run', async () => {
  await deployed('once');
  const [first] = (await api.call('GET', '/runs?provider_config_key=once')).body.runs;
  await move(first.id, 'success');
  const triggers = await withTransaction(api.db, async (db) => {
    const { rows } = await db.query(`select id::text from syncs where schedule_id = 'sync:dev:once:c1:tasks'`);
    await lockTriggers(db, rows[0].id);
    // All of them have looked before one of them can go on.
    const started = Array.from({ length: 3 }, () => trigger({ syncs: ['tasks'], provider_config_key: 'once' }));
    await untilWaiting(api.db, 3);
    return { started };
  });
  const runs = (await Promise.all(triggers.started)).map(({ body }) => body.runs[0]);
  expect(new Set(runs.map((run) => run.run_id)).size).toBe(1);
  expect(runs.map((run) => run.state).sort()).toEqual(['joined', 'joined', 'started']);
});

test('a trigger while Temporal is out of reach leaves the run queued and says so', async () => {
  await deployed('queued');
  const [first] = (await api.call('GET', '/runs?provider_config_key=queued')).body.runs;
  await move(first.id, 'success');
  api.engine.answer({ startSync: () => Promise.reject(new Error('down')) });
  const { status: code, body } = await trigger({ syncs: ['tasks'], provider_config_key: 'queued' });
  expect([code, body.runs[0].state]).toEqual([200, 'queued']);
  expect((await api.call('GET', `/runs/${body.runs[0].run_id}`)).body.state).toBe('queued');
});

test('without a connection all of them are meant, and the headers name integration and connection too', async () => {
  await deployed('many', ['c1', 'c2']);
  expect((await trigger({ provider_config_key: 'many' })).body.runs).toHaveLength(2);
  const headers = { 'provider-config-key': 'many', 'connection-id': 'c2' };
  expect((await trigger({ syncs: [{ name: 'tasks' }] }, headers)).body.runs).toMatchObject([{ connection_id: 'c2' }]);
});

test.each([
  [{ syncs: ['tasks', 'nope', 'nada'], provider_config_key: 'names' }, 'unknown_sync', "'nope', 'nada'"],
  [{ syncs: ['tasks::eu'], provider_config_key: 'names' }, 'unknown_sync', "'tasks::eu'"],
  [{ provider_config_key: 'names', connection_id: 'nobody' }, 'unknown_connection', "'nobody'"],
  [{ provider_config_key: 'no-such' }, 'unknown_provider_config', "'no-such'"],
])('what a trigger %j does not find is named', async (body, code, name) => {
  await api.call('POST', '/integrations', { body: { provider: 'tracker', unique_key: 'names' } });
  await deployFlows(api, flow('names', 'tasks'));
  for (const path of ['/sync/trigger', '/sync/pause', '/sync/start']) {
    const answer = await api.call('POST', path, { body });
    expect([answer.status, answer.body.error.code]).toEqual([404, code]);
    expect(answer.body.error.message).toContain(name);
  }
});

test('a trigger that names no integration, or asks for what is not there yet, is refused', async () => {
  expect((await trigger({ syncs: [] })).body.error).toMatchObject({
    code: 'invalid_body',
    errors: [{ path: ['provider_config_key'] }],
  });
  const emptied = await trigger({ provider_config_key: 'x', opts: { emptyCache: 'yes' } });
  expect(emptied.body.error).toMatchObject({ code: 'invalid_body', errors: [{ path: ['opts', 'emptyCache'] }] });
});

test.each([
  { opts: { reset: true } },
  { sync_mode: 'full_refresh' },
  { sync_mode: 'full_refresh_and_clear_cache' },
  { full_resync: true },
])('a trigger with %j forgets how far the sync has come', async (wish) => {
  const key = `reset-${JSON.stringify(wish).replaceAll(/[^a-z]/gi, '')}`;
  await deployed(key);
  const [first] = (await api.call('GET', `/runs?provider_config_key=${key}`)).body.runs;
  await move(first.id, 'success');
  await progress(key);
  const { runs } = (await trigger({ provider_config_key: key, ...wish })).body;
  expect(runs).toMatchObject([{ state: 'started' }]);
  expect(await progressOf(key)).toEqual([{ date: null, checkpoints: 0 }]);
});

test.each([{}, { opts: { reset: false } }, { sync_mode: 'incremental' }, { full_resync: false }])(
  'a trigger with %j leaves what the sync knows',
  async (wish) => {
    const key = `kept-${JSON.stringify(wish).length}`;
    await deployed(key);
    await progress(key);
    await trigger({ provider_config_key: key, ...wish });
    expect(await progressOf(key)).toEqual([{ date: NOW, checkpoints: 1 }]);
  },
);

test('a reset joins a run that has not begun, which then knows of none before it', async () => {
  await deployed('reset-queued');
  const [first] = (await api.call('GET', '/runs?provider_config_key=reset-queued')).body.runs;
  await progress('reset-queued');
  await fixLastSyncDate(api.db, first.id);
  const { runs } = (await trigger({ provider_config_key: 'reset-queued', opts: { reset: true } })).body;
  expect(runs).toMatchObject([{ state: 'joined', run_id: first.id }]);
  await fixLastSyncDate(api.db, first.id);
  const attempt = await beginAttempt(api.db, { runId: first.id, workflowRunId: 'w', at: NOW });
  expect(attempt?.lastSyncDate).toBeNull();
});

test.each([{ opts: { reset: true, emptyCache: true } }, { sync_mode: 'full_refresh_and_clear_cache' }])(
  'a trigger with %j has its run remove what the sync saved',
  async (wish) => {
    const key = `emptied-${Object.keys(wish)[0]}`;
    await deployed(key);
    const [first] = (await api.call('GET', `/runs?provider_config_key=${key}`)).body.runs;
    await move(first.id, 'running');
    const { runs } = (await trigger({ provider_config_key: key, ...wish })).body;
    expect(runs).toMatchObject([{ state: 'started', cancelled_run_id: first.id }]);
    const attempt = await beginAttempt(api.db, { runId: runs[0].run_id, workflowRunId: 'w', at: NOW });
    expect(attempt?.emptyCache).toBe(true);
  },
);

test('a reset while a run is under way cancels it, shuts out its worker, and starts another one', async () => {
  await deployed('reset-running');
  const [first] = (await api.call('GET', '/runs?provider_config_key=reset-running')).body.runs;
  await move(first.id, 'running');
  await progress('reset-running');
  const cancelled = async () =>
    /nango_runs_total\{kind="sync",state="cancelled"\} (\d+)/.exec((await api.call('GET', '/metrics')).text)?.[1] ??
    '0';
  const before = Number(await cancelled());
  const place = { runId: first.id, generation: 0 };
  const call = {
    number: 0,
    argsHash: 'x',
    attempt: 1,
    state: 'intended',
    resumeAt: null,
    what: 'POST /tasks',
  } as const;
  await savePendingCalls(api.db, place, [{ ...call, harmless: false }]);
  const { runs } = (await trigger({ provider_config_key: 'reset-running', opts: { reset: true } })).body;
  expect(runs).toMatchObject([{ state: 'started', cancelled_run_id: first.id }]);
  expect(runs[0].run_id).not.toBe(first.id);
  expect(Number(await cancelled())).toBe(before + 1);
  expect(api.engine.calls).toContainEqual(['cancel', first.workflow_id]);
  const { body } = await api.call('GET', `/runs/${first.id}`);
  expect(body).toMatchObject({
    state: 'cancelled',
    error: { message: expect.stringMatching(/reset of its sync, while POST \/tasks was under way, which may have/) },
  });
  const late = { runId: first.id, fence: 1, number: 1, requests: 0, runningMs: 0 };
  expect(await countFlush(api.db, late)).toMatchObject({ status: 'lost' });
  const { rows } = await api.db.query('select sync_id::text as sync from runs where id = $1', [first.id]);
  expect(await takeLease(api.db, { syncId: rows[0].sync, runId: runs[0].run_id, instead: null })).toBeUndefined();
});

test('the status has the checkpoint of the sync', async () => {
  await deployed('checkpointed', ['c1', 'c2']);
  await progress('checkpointed');
  expect(await status('checkpointed')).toMatchObject([
    { connection_id: 'c1', checkpoint: { page: 3 } },
    { connection_id: 'c2', checkpoint: null },
  ]);
});

/** Gives the sync a `lastSyncDate` and a checkpoint. */
async function progress(key: string): Promise<void> {
  const { rows } = await api.db.query(
    `update syncs set last_sync_date = $2 where schedule_id = $1 returning connection_id::text as connection`,
    [`sync:dev:${key}:c1:tasks`, NOW],
  );
  const place = { connectionRow: rows[0].connection, kind: 'sync', name: 'tasks', variant: 'base' } as const;
  await writeCheckpoint(api.db, place, '{"page":3}', NOW);
}

async function progressOf(key: string) {
  const { rows } = await api.db.query(
    `select last_sync_date as date,
       (select count(*)::int from checkpoints c where c.connection_id = y.connection_id) as checkpoints
     from syncs y where schedule_id = $1`,
    [`sync:dev:${key}:c1:tasks`],
  );
  return rows;
}

test('pause and start change the rows and tell Temporal', async () => {
  await deployed('pausing', ['c1', 'c2']);
  api.engine.reset();
  await api.call('POST', '/sync/pause', {
    body: { syncs: ['tasks'], provider_config_key: 'pausing', connection_id: 'c1' },
  });
  const paused = async () =>
    (await api.db.query(`select paused from syncs where schedule_id like '%:pausing:%' order by id`)).rows;
  expect(await paused()).toEqual([{ paused: true }, { paused: false }]);
  expect(api.engine.calls).toEqual([['reconcile', undefined]]);
  await api.call('POST', '/sync/start', { body: { syncs: [], provider_config_key: 'pausing' } });
  expect(await paused()).toEqual([{ paused: false }, { paused: false }]);
});

test('the status follows the runs', async () => {
  await deployed('status');
  const next = new Date('2026-01-01T01:00:00Z');
  api.engine.answer({ nextRunAt: async () => next });
  expect(await status('status')).toMatchObject([
    {
      name: 'tasks',
      variant: 'base',
      connection_id: 'c1',
      type: 'INITIAL',
      status: 'RUNNING',
      frequency: 'every hour',
      latestResult: {},
      recordCount: { Task: 0 },
      nextScheduledSyncAt: next.toISOString(),
      latestExecutionStatus: null,
      finishedAt: null,
    },
  ]);
  const [run] = (await api.call('GET', '/runs?provider_config_key=status')).body.runs;
  await move(run.id, 'success');
  expect(await status('status', 'syncs=tasks&connection_id=c1')).toMatchObject([
    {
      status: 'SUCCESS',
      latestResult: { Task: { added: 2, updated: 0, deleted: 0 } },
      recordCount: { Task: 2 },
      latestExecutionStatus: 'SUCCESS',
      finishedAt: NOW.toISOString(),
      run_id: run.id,
    },
  ]);
  await api.call('POST', '/sync/pause', { body: { syncs: [], provider_config_key: 'status' } });
  expect(await status('status')).toMatchObject([{ status: 'PAUSED', nextScheduledSyncAt: null }]);
});

test('a failed run shows as ERROR with its reason', async () => {
  await deployed('failing');
  const [run] = (await api.call('GET', '/runs?provider_config_key=failing')).body.runs;
  await move(run.id, 'failed');
  expect(await status('failing')).toMatchObject([{ status: 'ERROR', error: { code: 'script_failed', message: 'no' } }]);
});

test('the status is answered while Temporal is out of reach', async () => {
  await deployed('unscheduled');
  api.engine.answer({ nextRunAt: () => Promise.reject(new Error('down')) });
  expect(await status('unscheduled')).toMatchObject([{ nextScheduledSyncAt: null }]);
});

test('the status of an unknown sync is a 404 that names it', async () => {
  await deployed('asked');
  const { status: code, body } = await api.call('GET', '/sync/status?syncs=tasks,nope&provider_config_key=asked');
  expect([code, body.error.code]).toEqual([404, 'unknown_sync']);
  expect(body.error.message).toContain("'nope'");
});

test('another environment cannot trigger, pause or see it', async () => {
  await deployed('theirs');
  const key = api.otherKey;
  const body = { provider_config_key: 'theirs', syncs: [] };
  expect((await api.call('POST', '/sync/trigger', { body, key })).status).toBe(404);
  expect((await api.call('POST', '/sync/pause', { body, key })).status).toBe(404);
  expect((await api.call('GET', '/sync/status?syncs=*&provider_config_key=theirs', { key })).status).toBe(404);
});

test('emptyCache is refused for a run whose script has begun, and taken by one that has not, or stands in line', async () => {
  await deployed('empties');
  const empty = () => trigger({ syncs: ['tasks'], provider_config_key: 'empties', opts: { emptyCache: true } });
  const [first] = (await api.call('GET', '/runs?provider_config_key=empties')).body.runs;
  expect((await empty()).body.runs).toMatchObject([{ state: 'joined', run_id: first.id }]);
  expect((await api.db.query('select empty_cache from runs where id = $1', [first.id])).rows).toEqual([
    { empty_cache: true },
  ]);
  const { rows } = await api.db.query('select sync_id::text as sync from runs where id = $1', [first.id]);
  await takeLease(api.db, { syncId: rows[0].sync, runId: first.id, instead: null });
  await api.db.query(
    `update runs set state = 'waiting', awaits_room = 'environment', empty_cache = false where id = $1`,
    [first.id],
  );
  expect((await empty()).status).toBe(200);
  await api.db.query(`update runs set awaits_room = null where id = $1`, [first.id]);
  expect((await empty()).status).toBe(409);
  await move(first.id, 'running');
  const refused = await empty();
  expect([refused.status, refused.body.error.code]).toEqual([409, 'conflict']);
  expect(refused.body.error.message).toContain("Sync 'tasks' of connection 'c1' is running");
});
