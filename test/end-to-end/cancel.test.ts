import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { CONTROL_CHANNEL } from '../../store/run-control.ts';
import { deployScripts, type TestScript } from '../support/deploy-scripts.ts';
import { endedRun, type RunJson, runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

/** A second is what is promised and what `bench -- cancel` shows; two busy cores get more. */
const PROMPT_MS = 10_000;

const platform = usePlatform();
const upstream = useUpstream();

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
});

test('a script in an endless loop is stopped, and its sync runs again', async () => {
  const sync = await connect('looping', `await nango.log('looping'); if (!(await nango.getCheckpoint())) for (;;) {}`);
  const runId = await triggerSync(platform, sync);
  await logged(runId, 'looping');
  const begun = performance.now();
  expect(await cancel(runId)).toEqual({ run_id: runId, state: 'cancelling' });
  const run = await endedRun(platform, runId);
  const tookMs = performance.now() - begun;
  expect(tookMs).toBeLessThan(PROMPT_MS);
  expect(run).toMatchObject({
    state: 'cancelled',
    error: { code: 'script_aborted', message: 'The run was cancelled' },
  });
  expect(run.logs.map(({ message }) => message)).toEqual(['looping']);
  expect(await closedAs(run)).toBe('CANCELLED');
  await deploy('looping', `await nango.batchSave([{ id: '1' }], 'Task');`);
  expect((await runSync(platform, sync)).state).toBe('success');
});

test('a run that waits is cancelled by the answer itself, and its sync is free (U042)', async () => {
  upstream.answerWith({ status: 429, headers: { 'retry-after': '3600' } });
  const sync = await connect('waiting', `await nango.get({ endpoint: '/limited', ${to()}, retries: 1 });`);
  const runId = await triggerSync(platform, sync);
  await platform.event(({ event, fields }) => event === 'run.waiting' && fields['run'] === runId);
  expect(await cancel(runId)).toEqual({ run_id: runId, state: 'cancelled' });
  const run = await call<RunJson>(platform.caller, 'GET', `/runs/${runId}`);
  expect(run).toMatchObject({ state: 'cancelled', resume_at: null, wait_reason: null });
  expect(await closedAs(run)).toBe('CANCELLED');
  expect(await cancel(runId)).toEqual({ run_id: runId, state: 'cancelled' });
  await deploy('waiting', `await nango.log('free');`);
  expect((await runSync(platform, sync)).state).toBe('success');
});

test('a call that is cut off and may have happened is named', async () => {
  const asked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<undefined>();
  upstream.handleWith(() => {
    asked.resolve();
    return never.promise;
  });
  const sync = await connect('posting', `await nango.post({ endpoint: '/orders', ${to()}, data: {} });`);
  const runId = await triggerSync(platform, sync);
  await asked.promise;
  const begun = performance.now();
  await cancel(runId);
  const { error } = await endedRun(platform, runId);
  expect(performance.now() - begun).toBeLessThan(PROMPT_MS);
  never.resolve(undefined);
  expect(error?.message).toBe('The run was cancelled while POST /orders was under way, which may have happened');
});

test('an action in an endless loop is stopped, and its caller is told', async () => {
  await connect('action', `await nango.log('looping'); for (;;) {}`, 'action');
  const headers = { 'provider-config-key': 'tracker', 'connection-id': 'action' };
  const answer = call(platform.caller, 'POST', '/action/trigger', { action_name: 'action' }, [], headers).catch(String);
  const { fields } = await platform.event(({ event, fields }) => event === 'script.log' && fields['name'] === 'action');
  await ask(String(fields['run']));
  await platform.engine.db.query(`select pg_notify($1::text, $2::text)`, [CONTROL_CHANNEL, fields['run']]);
  expect(await answer).toMatch(/answered 410: .*script_aborted.*The run was cancelled/);
});

test('what is asked of a run is heard again after the connection that listens was lost', async () => {
  const sync = await connect('lost-listener', `await nango.log('looping'); for (;;) {}`);
  const runId = await triggerSync(platform, sync);
  await logged(runId, 'looping');
  await ask(runId);
  const { rowCount } = await platform.engine.db.query(
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity
     where datname = current_database() and query = $1::text`,
    [`listen ${CONTROL_CHANNEL}`],
  );
  expect(rowCount).toBe(1);
  expect((await endedRun(platform, runId)).state).toBe('cancelled');
});

test('a run whose worker was not notified hears of it at its next flush', async () => {
  const sync = await connect(
    'flushing',
    `for (let page = 0; ; page++) await nango.get({ endpoint: '/' + page, ${to()} });`,
  );
  const runId = await triggerSync(platform, sync);
  await platform.event(({ event, fields }) => event === 'run.started' && fields['run'] === runId);
  await ask(runId);
  const run = await endedRun(platform, runId);
  expect([run.state, await closedAs(run)]).toEqual(['cancelled', 'CANCELLED']);
});

function to(): string {
  return `baseUrlOverride: '${upstream.url}'`;
}

/** A connection of that name with a script of that name around the body. */
async function connect(name: string, body: string, type: TestScript['type'] = 'sync') {
  await createConnection(platform.caller, 'tracker', name);
  await deploy(name, body, type);
  return { integration: 'tracker', connection: name, name };
}

async function deploy(name: string, body: string, type: TestScript['type'] = 'sync'): Promise<void> {
  const source = `export default async function run(nango: any) {\n${body}\n}`;
  await deployScripts(platform.caller, 'tracker', [{ name, source, type }]);
}

function cancel(runId: string): Promise<unknown> {
  return call(platform.caller, 'POST', `/runs/${runId}/cancel`);
}

/** Asks for the cancellation in the run's row alone: neither the worker nor Temporal is told. */
async function ask(runId: string): Promise<void> {
  await platform.engine.db.query(`update runs set control = 'cancel' where id = $1::text`, [runId]);
}

/** Resolves once the line is stored: a script that computes from then on flushes nothing more. */
async function logged(runId: string, message: string): Promise<void> {
  await until(`line '${message}'`, async () => {
    const { logs } = await call<RunJson>(platform.caller, 'GET', `/runs/${runId}`);
    return logs.some((line) => line.message === message);
  });
}

/** How Temporal shows the run's workflow once it has closed. */
async function closedAs({ workflow_id: workflowId }: RunJson): Promise<string> {
  const handle = platform.engine.client.workflow.getHandle(workflowId);
  await handle.result().catch(() => undefined);
  return (await handle.describe()).status.name;
}
