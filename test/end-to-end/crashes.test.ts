import { beforeAll, expect, test } from '@jest/globals';
import { ScheduleNotFoundError } from '@temporalio/client';
import { TASK_QUEUES } from '../../contract/engine.ts';
import { scheduleId } from '../../contract/ids.ts';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts, type TestScript } from '../support/deploy-scripts.ts';
import { endedRun, type RunJson, runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { type UpstreamRequest, useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const PAGES = 6;
const ROWS = 10;

const platform = usePlatform();
const upstream = useUpstream(answerPage);

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
});

test('a run under way goes on after Temporal was killed and started again', async () => {
  const sync = await connect('temporal-in-sync');
  const hold = holdPage(3);
  const runId = await triggerSync(platform, sync);
  await hold.asked;
  await platform.temporal.kill();
  await platform.temporal.restart();
  hold.release();
  expectWhole(await endedRun(platform, runId));
  expect(await workflowOf(sync.name, runId).result()).toMatchObject({ status: 'finished', runId });
});

test('U065: what was asked for while Temporal was down happens once it is back', async () => {
  const triggered = await connect('triggered-while-down');
  const deleted = await connect('deleted-while-down');
  expect(await hasSchedule(deleted.name)).toBe(true);
  await platform.temporal.kill();
  const [runs] = await Promise.all([
    trigger(triggered.name),
    call(platform.caller, 'DELETE', `/connections/${deleted.connection}?provider_config_key=tracker`),
  ]);
  expect(runs).toEqual([expect.objectContaining({ state: 'queued' })]);
  await platform.temporal.restart();
  await reconcile();
  expect(await hasSchedule(deleted.name)).toBe(false);
  expectWhole(await endedRun(platform, runs[0]?.run_id ?? ''));
});

test('an action that ends while Temporal is down answers its caller, and its workflow closes later', async () => {
  await createConnection(platform.caller, 'tracker', 'answered-while-down');
  const source = `export default async (nango: any) => (await nango.post({ endpoint: '/pages/1', baseUrlOverride: '${upstream.url}' })).data;`;
  await deployScripts(platform.caller, 'tracker', [{ name: 'answered-while-down', type: 'action', source }]);
  const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  upstream.handleWith(async () => {
    arrived.resolve();
    await released.promise;
    return { json: { made: 1 } };
  });
  const of = { 'provider-config-key': 'tracker', 'connection-id': 'answered-while-down' };
  const body = { action_name: 'answered-while-down' };
  const answer = call(platform.caller, 'POST', '/action/trigger', body, [], of);
  await arrived.promise;
  await platform.temporal.kill();
  released.resolve();
  expect(await answer).toEqual({ made: 1 });
  await platform.temporal.restart();
  const { rows } = await platform.engine.db.query<{ id: string }>(
    `select workflow_id as id from runs where name = $1::text`,
    [body.action_name],
  );
  expect(await platform.engine.client.workflow.getHandle(rows[0]?.id ?? '').result()).toEqual({ status: 'finished' });
  expect(upstream.requests).toHaveLength(1);
});

test('U114: an action asked for while Temporal is down is refused as such, and the process lives', async () => {
  await createConnection(platform.caller, 'tracker', 'asked-while-down');
  const source = 'export default async () => 1;';
  await deployScripts(platform.caller, 'tracker', [{ name: 'asked-while-down', type: 'action', source }]);
  const of = { 'provider-config-key': 'tracker', 'connection-id': 'asked-while-down' };
  const act = async () => {
    const headers = { ...of, authorization: `Bearer ${platform.caller.key}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ action_name: 'asked-while-down' });
    const answer = await fetch(`${platform.caller.apiUrl}/action/trigger`, { method: 'POST', headers, body });
    return { status: answer.status, body: (await answer.json()) as { error?: { code: string } } };
  };
  await platform.temporal.kill();
  const refused = await Promise.all([act(), act(), act()]);
  expect(refused.map(({ status, body }) => [status, body.error?.code])).toEqual(
    refused.map(() => [503, 'engine_unavailable']),
  );
  expect((await fetch(`${platform.caller.apiUrl}/health`)).status).toBe(200);
  await platform.temporal.restart();
  await until('action that succeeds', async () => (await act()).status === 200);
}, 120_000);

test('a run whose every connection to Postgres is cut at each page stores each record once', async () => {
  const sync = await connect('postgres-cut');
  upstream.handleWith(async (request) => {
    await cutConnections();
    return answerPage(request);
  });
  expectWhole(await endedRun(platform, await triggerSync(platform, sync)));
  const of = { 'provider-config-key': 'tracker', 'connection-id': 'postgres-cut' };
  const page = await call<{ records: unknown[] }>(platform.caller, 'GET', '/records?model=Task', undefined, [], of);
  expect(page.records).toHaveLength(PAGES * ROWS);
});

test.each(['records', 'connection_limits'])(
  'a run whose connection is cut while it uses %s goes on in the same attempt',
  async (table) => {
    const sync = await connect(`cut-${table}`);
    const blocker = await platform.engine.db.connect();
    await blocker.query('begin');
    await blocker.query(`lock table ${table} in access exclusive mode`);
    const runId = await triggerSync(platform, sync);
    await cutBlocked();
    await blocker.query('rollback');
    blocker.release();
    expectWhole(await endedRun(platform, runId));
    expect(await attemptsOf(sync.name, runId)).toEqual([1]);
  },
  180_000,
);

test('a hand-over does not wait for what can be asked again, and leaves no failed attempt in the history', async () => {
  const sync = await connect('handed-over');
  const hold = holdPage(2);
  const runId = await triggerSync(platform, sync);
  await hold.asked;
  // The upstream does not answer before the platform has stopped; waiting for it would take the whole grace time.
  const begun = performance.now();
  await platform.stop();
  expect(performance.now() - begun).toBeLessThan(6_000);
  hold.release();
  await platform.start();
  expectWhole(await endedRun(platform, runId));
  expect(await attemptsOf(sync.name, runId)).toEqual([1, 1]);
});

test('an action in flight when the platform stops answers its caller, its call made once', async () => {
  const source = `
export default async function runAction(nango: any) {
  const { data } = await nango.post({ endpoint: '/pages/0', baseUrlOverride: '${upstream.url}', data: {} });
  return data.rows.length;
}`;
  await deploy('in-flight', { name: 'in-flight', source, type: 'action' });
  const hold = holdPage(0);
  const answer = callAction('in-flight');
  await hold.asked;
  const stopped = platform.stop();
  hold.release();
  expect(await answer).toBe(ROWS);
  await stopped;
  await platform.start();
  expect(upstream.requests).toHaveLength(1);
});

test('a call that must not be repeated is let finish before its run is handed over', async () => {
  const posts = `
export default async function fetchData(nango: any) {
  for (const page of [0, 1]) {
    const { data } = await nango.post({ endpoint: '/pages/' + page, baseUrlOverride: '${upstream.url}', data: {} });
    await nango.batchSave(data.rows, 'Task');
  }
}`;
  const sync = await connect('posts', { source: posts });
  const hold = holdPage(0);
  const runId = await triggerSync(platform, sync);
  await hold.asked;
  const stopped = platform.stop();
  // The workers are told right after the API has closed.
  await untilApiIsClosed();
  hold.release();
  await stopped;
  await platform.start();
  expect(await endedRun(platform, runId)).toMatchObject({ state: 'success', counts: { Task: { added: 2 * ROWS } } });
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/pages/0', '/pages/1']);
});

test('U065, U115: a schedule that somebody deleted in Temporal comes back', async () => {
  const sync = await connect('schedule-lost');
  await scheduleOf(sync.name).delete();
  expect(await hasSchedule(sync.name)).toBe(false);
  await reconcile();
  expect((await scheduleOf(sync.name).describe()).action).toMatchObject({ workflowType: 'syncWorkflow' });
});

test('U065: a schedule without a sync goes away', async () => {
  const sync = await connect('orphan');
  await platform.engine.db.query(`delete from syncs where schedule_id = $1::text`, [idOf(sync.name)]);
  await platform.engine.db.query(`delete from schedule_removals`);
  await reconcile();
  expect(await hasSchedule(sync.name)).toBe(false);
});

test('U069: a run whose workflow somebody terminated is shown as failed, and the next trigger runs', async () => {
  const sync = await connect('terminated');
  const hold = holdPage(1);
  const runId = await triggerSync(platform, sync);
  await hold.asked;
  await workflowOf(sync.name, runId).terminate('by hand');
  await reconcile();
  const run = await call<RunJson>(platform.caller, 'GET', `/runs/${runId}`);
  expect(run).toMatchObject({ state: 'failed', error: { code: 'runner_lost' } });
  hold.release();
  expect(await runSync(platform, sync)).toMatchObject({ state: 'success', counts: { Task: expect.anything() } });
});

// The last one: its sync starts by itself, for every connection there is and is made later.
test('a pause outlives another deployment and a restart of the platform', async () => {
  const sync = await connect('paused', { autoStart: true });
  const { runs } = await call<{ runs: RunJson[] }>(platform.caller, 'GET', '/runs?connection_id=paused');
  await endedRun(platform, runs[0]?.id ?? '');
  expect((await scheduleOf(sync.name).describe()).state.paused).toBe(false);
  await call(platform.caller, 'POST', '/sync/pause', { syncs: ['paused'], provider_config_key: 'tracker' });
  expect((await scheduleOf(sync.name).describe()).state.paused).toBe(true);
  await deploy('paused', { name: 'paused', source: `${source()} // changed`, autoStart: true, runs: 'every 2h' });
  await platform.stop();
  await platform.start();
  await reconcile();
  const { state, spec } = await scheduleOf(sync.name).describe();
  expect(state.paused).toBe(true);
  expect(spec.intervals).toMatchObject([{ every: 7_200_000 }]);
});

function source(): string {
  return `
export default async function fetchData(nango: any) {
  for (let page = 0; page < ${PAGES}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, baseUrlOverride: '${upstream.url}', retries: 2 });
    await nango.batchSave(data.rows, 'Task');
  }
}`;
}

function answerPage({ url }: UpstreamRequest) {
  const page = url.split('/').at(-1);
  return { json: { rows: Array.from({ length: ROWS }, (_, row) => ({ id: `${page}-${row}` })) } };
}

/** A connection of that name with a sync of that name. */
async function connect(name: string, script: Partial<TestScript> = {}) {
  await deploy(name, { name, source: source(), ...script });
  return { integration: 'tracker', connection: name, name };
}

async function deploy(connection: string, script: TestScript): Promise<void> {
  await createConnection(platform.caller, 'tracker', connection);
  await deployScripts(platform.caller, 'tracker', [script]);
}

/** The upstream is `asked` for that page and answers it only once `release` was called; all others at once. */
function holdPage(page: number): { readonly asked: Promise<void>; readonly release: () => void } {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  upstream.handleWith(async (request) => {
    if (request.url === `/pages/${page}`) {
      asked.resolve();
      await released.promise;
    }
    return answerPage(request);
  });
  return { asked: asked.promise, release: released.resolve };
}

function callAction(name: string): Promise<unknown> {
  const of = { 'provider-config-key': 'tracker', 'connection-id': name };
  return call(platform.caller, 'POST', '/action/trigger', { action_name: name }, [], of);
}

async function trigger(name: string): Promise<readonly { readonly run_id: string; readonly state: string }[]> {
  const body = { syncs: [name], provider_config_key: 'tracker', connection_id: name };
  const path = '/sync/trigger';
  return (await call<{ runs: { run_id: string; state: string }[] }>(platform.caller, 'POST', path, body)).runs;
}

async function untilApiIsClosed(): Promise<void> {
  const answer = await fetch(platform.caller.apiUrl).catch(() => undefined);
  if (answer) await untilApiIsClosed();
}

/** Cuts every connection of the platform to Postgres, and returns when they are gone. */
async function cutConnections(): Promise<void> {
  const others = `datname = current_database() and pid <> pg_backend_pid() and application_name = 'nango-temporal'`;
  await platform.engine.db
    .query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where ${others}`)
    .catch(() => undefined);
}

/** Cuts the first connection whose statement waits for a lock. */
async function cutBlocked(): Promise<void> {
  const blocked = `datname = current_database() and wait_event_type = 'Lock' and query not like '%pg_stat_activity%'`;
  const text = `select pg_terminate_backend(pid) from pg_stat_activity where ${blocked}`;
  const { rowCount } = await platform.engine.db.query(text);
  if (rowCount === 0) await cutBlocked();
}

function expectWhole(run: RunJson): void {
  const counts = { Task: { added: PAGES * ROWS, updated: 0, deleted: 0 } };
  expect(run).toMatchObject({ state: 'success', error: null, counts });
}

function reconcile(): Promise<void> {
  return platform.engine.client.workflow.execute('reconcileWorkflow', {
    workflowId: 'reconcile-by-hand',
    taskQueue: TASK_QUEUES.background,
    args: [{ thorough: true }],
  });
}

function idOf(name: string): string {
  return scheduleId({ environment: 'dev', integration: 'tracker', connection: name, sync: name, variant: 'base' });
}

function workflowOf(name: string, runId: string) {
  return platform.engine.client.workflow.getHandle(`${idOf(name)}:run:${runId}`);
}

/** For each activity of the run's workflow, the attempt that ended it; a fault or a time-out before makes it more than 1. */
async function attemptsOf(name: string, runId: string): Promise<readonly (number | null | undefined)[]> {
  await workflowOf(name, runId).result();
  const { events } = await workflowOf(name, runId).fetchHistory();
  return events?.flatMap(({ activityTaskStartedEventAttributes: started }) => started?.attempt ?? []) ?? [];
}

function scheduleOf(name: string) {
  return platform.engine.client.schedule.getHandle(idOf(name));
}

async function hasSchedule(name: string): Promise<boolean> {
  // A server that has only just come back may fail at a question: it is asked again.
  const { isThere } = await until(`answer about the schedule of ${name}`, () =>
    scheduleOf(name)
      .describe()
      .then(
        () => ({ isThere: true }),
        (error) => (error instanceof ScheduleNotFoundError ? { isThere: false } : undefined),
      ),
  );
  return isThere;
}
