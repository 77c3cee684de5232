import { beforeAll, expect, test } from '@jest/globals';
import { RESUME_SIGNAL, TASK_QUEUES } from '../../contract/engine.ts';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, type LogEvent, type RunJson, triggerSync, usePlatform } from '../support/platform.ts';
import { type UpstreamRequest, useUpstream } from '../support/upstream.ts';

const PAGES = 8;

const platform = usePlatform();
const upstream = useUpstream(answerPage);

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
});

test('a pause lets the call in flight finish, and start goes on inside the script', async () => {
  const sync = await connect('paused');
  const runId = await pausedRun(sync);
  expect(pagesAsked()).toEqual(pages(4));
  expect(await runOf(runId)).toMatchObject({
    state: 'waiting',
    wait_reason: 'paused',
    resume_at: null,
    // The answer of the fourth page is kept; the script hears it when it goes on.
    counts: { Task: { added: 3 } },
    logs: [{ message: 'The run is paused' }],
  });
  expect(await statusOf(sync)).toMatchObject({ status: 'PAUSED', waitReason: 'paused', run_id: runId });
  await change('start', sync);
  expectWhole(await endedRun(platform, runId));
  expect(pagesAsked()).toEqual(pages(PAGES));
});

test('a paused run that is woken without a start goes back to sleep', async () => {
  const sync = await connect('woken');
  const runId = await pausedRun(sync);
  const { workflow_id: workflowId } = await runOf(runId);
  const isWaiting = ({ event, fields }: LogEvent) => event === 'run.waiting' && fields['run'] === runId;
  const waits = platform.events.filter(isWaiting).length;
  await platform.engine.client.workflow.getHandle(workflowId).signal(RESUME_SIGNAL);
  await platform.event(() => platform.events.filter(isWaiting).length > waits);
  expect(pagesAsked()).toEqual(pages(4));
  await change('start', sync);
  expectWhole(await endedRun(platform, runId));
  expect(pagesAsked()).toEqual(pages(PAGES));
});

test('a start that comes before the pause has taken effect wins', async () => {
  const sync = await connect('started-again');
  const hold = holdPage(3);
  const runId = await triggerSync(platform, sync);
  await hold.asked;
  await change('pause', sync);
  await change('start', sync);
  hold.release();
  expectWhole(await endedRun(platform, runId));
  expect(pagesAsked()).toEqual(pages(PAGES));
});

test('a paused run goes on when Temporal was not told of the start', async () => {
  const sync = await connect('not-told');
  const runId = await pausedRun(sync);
  await platform.engine.db.query(
    `update runs set control = null, resume_at = now() - interval '1 minute' where id = $1::text`,
    [runId],
  );
  await reconcile();
  expectWhole(await endedRun(platform, runId));
});

test('a trigger lets the run of a paused sync go on, and the next one starts a run; the sync stays paused', async () => {
  const sync = await connect('triggered');
  const runId = await pausedRun(sync);
  expect(await trigger(sync)).toMatchObject([{ state: 'joined', run_state: 'waiting', run_id: runId }]);
  expectWhole(await endedRun(platform, runId));
  expect(pagesAsked()).toEqual(pages(PAGES));
  const [again] = await trigger(sync);
  expect(again).toMatchObject({ state: 'started' });
  expect(await endedRun(platform, again?.run_id ?? '')).toMatchObject({ state: 'success' });
  expect(await statusOf(sync)).toMatchObject({ status: 'PAUSED' });
});

test('a paused run can be cancelled, and ends when its connection is deleted', async () => {
  const cancelled = await connect('cancelled');
  const first = await pausedRun(cancelled);
  await call(platform.caller, 'POST', `/runs/${first}/cancel`);
  expect((await runOf(first)).state).toBe('cancelled');
  await change('start', cancelled);
  expect((await endedRun(platform, await triggerSync(platform, cancelled))).state).toBe('success');

  const deleted = await connect('deleted');
  const { workflow_id: workflowId } = await runOf(await pausedRun(deleted));
  await call(platform.caller, 'DELETE', '/connections/deleted?provider_config_key=tracker');
  const handle = platform.engine.client.workflow.getHandle(workflowId);
  await handle.result().catch(() => undefined);
  expect((await handle.describe()).status.name).toBe('CANCELLED');
});

test('a paused sync that has missed its turn, or never ran, runs as soon as it is started', async () => {
  const sync = await connect('missed');
  await change('pause', sync);
  await change('start', sync);
  const { run_id: runId } = await statusOf(sync);
  expectWhole(await endedRun(platform, runId));
});

type TestSync = { readonly integration: string; readonly connection: string; readonly name: string };

/** A connection of that name with a sync of that name that never starts by itself. */
async function connect(name: string): Promise<TestSync> {
  const source = `
export default async function fetchData(nango: any) {
  for (let page = 0; page < ${PAGES}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, baseUrlOverride: '${upstream.url}' });
    await nango.batchSave(data.rows, 'Task');
  }
}`;
  await createConnection(platform.caller, 'tracker', name);
  await deployScripts(platform.caller, 'tracker', [{ name, source }]);
  return { integration: 'tracker', connection: name, name };
}

/** A run that was paused while page 3 was under way, and is suspended. */
async function pausedRun(sync: TestSync): Promise<string> {
  const hold = holdPage(3);
  const runId = await triggerSync(platform, sync);
  await hold.asked;
  await change('pause', sync);
  hold.release();
  await platform.event(({ event, fields }) => event === 'run.waiting' && fields['run'] === runId);
  return runId;
}

async function change(to: 'pause' | 'start', { name, connection }: TestSync): Promise<void> {
  const body = { syncs: [name], provider_config_key: 'tracker', connection_id: connection };
  await call(platform.caller, 'POST', `/sync/${to}`, body);
}

async function trigger({ name, connection }: TestSync) {
  const body = { syncs: [name], provider_config_key: 'tracker', connection_id: connection };
  const answer = await call<{ runs: { run_id: string }[] }>(platform.caller, 'POST', '/sync/trigger', body);
  return answer.runs;
}

async function statusOf({ name, connection }: TestSync): Promise<{ readonly run_id: string }> {
  const query = `syncs=${name}&provider_config_key=tracker&connection_id=${connection}`;
  const { syncs } = await call<{ syncs: { run_id: string }[] }>(platform.caller, 'GET', `/sync/status?${query}`);
  return syncs[0] ?? { run_id: '' };
}

function runOf(runId: string): Promise<RunJson> {
  return call<RunJson>(platform.caller, 'GET', `/runs/${runId}`);
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

function answerPage({ url }: UpstreamRequest) {
  return { json: { rows: [{ id: url }] } };
}

function pages(count: number): string[] {
  return Array.from({ length: count }, (_, page) => `/pages/${page}`);
}

function pagesAsked(): string[] {
  return upstream.requests.map(({ url }) => url);
}

function expectWhole(run: RunJson): void {
  expect(run).toMatchObject({ state: 'success', error: null, counts: { Task: { added: PAGES } } });
}

function reconcile(): Promise<void> {
  return platform.engine.client.workflow.execute('reconcileWorkflow', {
    workflowId: 'reconcile-by-hand',
    taskQueue: TASK_QUEUES.background,
    args: [{ thorough: true }],
  });
}
