import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { connect, endedRun, PROVIDERS, trigger, type WorkerProcess } from '../../bench/chaos/theatre.ts';
import type { Run } from '../../bench/chaos/trace.ts';
import type { Asked } from '../../bench/chaos/upstream.ts';
import { call } from '../../platform/example.ts';
import { useTheatre } from '../support/theatre.ts';
import { until } from '../support/until.ts';

const stage = useTheatre({ workers: 1 });
const ENDS_WITHIN_MS = 240_000;
const PAGES = 24;
const RESUMES_WITHIN_S = 15;
/** What a busy machine adds to any wait. */
const BUSY_S = 15;

const workers: WorkerProcess[] = [];

afterEach(async () => {
  // The next test begins with one worker that is well.
  for (const worker of workers.splice(0)) worker.signal('SIGCONT');
});

/** A sync that reads pages and posts in between where it is told to; each page says how often it was asked for. */
const paged = (posts = '') => `
export default async function fetchData(nango: any) {
  for (let page = 0; page < ${PAGES}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, params: { count: 1 } });
    await nango.batchSave(data.rows, 'Task');
    if (page === 1) { ${posts} }
  }
}`;

type Killed = { readonly provider: string; readonly posts?: string; readonly source?: string; readonly heldAt: string };

/** Five pages of a hundred rows, all of one time, with a checkpoint behind each. */
const TIES = `
export default async function fetchData(nango: any) {
  for (let page = (await nango.getCheckpoint())?.page ?? 0; page < 5; page++) {
    await nango.get({ endpoint: '/pages/' + page });
    const rows = Array.from({ length: 100 }, (_, at) => ({ id: page + '-' + at, updated: '2026-01-01T00:00:00Z' }));
    await nango.batchSave(rows, 'Task');
    await nango.saveCheckpoint({ page: page + 1 });
  }
}`;

describe('a worker killed with calls under way', () => {
  const POST = `await nango.post({ endpoint: '/posts/1', data: {} });`;
  const KINDS = {
    reading: { provider: PROVIDERS.plain, posts: '', heldAt: '/pages/3' },
    refusing: { provider: PROVIDERS.plain, posts: POST, heldAt: '/posts/1' },
    retrying: {
      provider: PROVIDERS.plain,
      posts: POST.replace('data: {}', 'data: {}, retries: 1'),
      heldAt: '/posts/1',
    },
    keyed: { provider: PROVIDERS.keyed, posts: POST, heldAt: '/posts/1' },
    answered: { provider: PROVIDERS.plain, posts: POST, heldAt: '/pages/2' },
    ties: { provider: PROVIDERS.plain, source: TIES, heldAt: '/pages/2' },
  } satisfies Record<string, Killed>;
  type Kind = keyof typeof KINDS;
  const runs = new Map<string, Run>();
  let killedAt = 0;

  beforeAll(async () => {
    const all = Object.keys(KINDS) as Kind[];
    const released = Promise.withResolvers<void>();
    const held = all.map((kind) => holdOnce(kind, KINDS[kind].heldAt, released.promise));
    const runIds = await Promise.all(
      all.map((kind) => {
        const { provider, posts, source = paged(posts) }: Killed = KINDS[kind];
        return begin(kind, provider, source);
      }),
    );
    await Promise.all(held);
    // Its answer is kept a moment after the script has it.
    await untilPostIsKept(runIds[all.indexOf('answered')] ?? '');
    const first = stage.theatre.attemptOf(runIds[0] ?? '')?.worker;
    await stage.theatre.startWorker();
    killedAt = performance.now();
    first?.signal('SIGKILL');
    released.resolve();
    for (const [at, kind] of all.entries())
      runs.set(kind, await endedRun(stage.theatre, runIds[at] ?? '', ENDS_WITHIN_MS));
  }, 300_000);

  test('U069: its runs go on in another within 15 s, and the page in flight is asked for again', () => {
    expectWhole(runs.get('reading'));
    const again = askedBy('reading').find(({ at }) => at > killedAt);
    expect(((again?.at ?? Number.POSITIVE_INFINITY) - killedAt) / 1000).toBeLessThan(RESUMES_WITHIN_S + BUSY_S);
    expect(counted('reading', '/pages/3')).toBe(2);
  });

  test('a POST without retries and without an answer fails its run, which names it', () => {
    expect(runs.get('refusing')).toMatchObject({
      state: 'failed',
      error: { code: 'call_in_doubt', message: expect.stringMatching(/^POST \/posts\/1 may have happened/) },
    });
    expect(counted('refusing', '/posts/1')).toBe(1);
  });

  test('a POST that asked for retries is made again', () => {
    expectWhole(runs.get('retrying'));
    expect(counted('retrying', '/posts/1')).toBe(2);
  });

  test('a POST is made again under the same key where the provider names a header for it', () => {
    expectWhole(runs.get('keyed'));
    const keys = askedBy('keyed').flatMap(({ method, idempotencyKey }) => (method === 'POST' ? [idempotencyKey] : []));
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{40}$/), keys[0]]);
  });

  test('a POST whose answer was kept is not made again', () => {
    expectWhole(runs.get('answered'));
    expect(counted('answered', '/posts/1')).toBe(1);
  });

  test('CUR U021: 500 rows of one timestamp in 5 pages are all there after a kill behind page 2', async () => {
    expectWhole(runs.get('ties'));
    expect(runs.get('ties')?.counts['Task']?.added).toBe(500);
    expect(new Set((await recordsOf('ties')).map(({ id }) => id)).size).toBe(500);
  });
});

test('U113: a worker rolled ten times during a sync leaves no failure in its history', async () => {
  const rolls = Array.from({ length: 10 }, (_, roll) => `/pages/${2 * roll + 1}`);
  const seen = new Set<string>();
  let runId = '';
  stage.theatre.upstream.watch('rolled', async ({ path }) => {
    if (!rolls.includes(path) || seen.has(path)) return;
    seen.add(path);
    const old = stage.theatre.attemptOf(runId)?.worker;
    await stage.theatre.startWorker();
    old?.signal('SIGTERM');
    await old?.exited;
  });
  runId = await begin('rolled', PROVIDERS.plain, paged());
  const run = await endedRun(stage.theatre, runId, ENDS_WITHIN_MS);
  expectWhole(run);
  expect(seen.size).toBe(10);
  expect(await troubles(run)).toEqual([]);
  expect(askedBy('rolled').length).toBeLessThanOrEqual(PAGES + rolls.length);
}, 300_000);

test('a worker frozen past its time-out writes nothing when it thaws, nor takes the run back', async () => {
  const toFrozen = Promise.withResolvers<void>();
  const toNext = Promise.withResolvers<void>();
  const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  stage.theatre.upstream.watch('frozen', async ({ path }) => {
    if (path !== '/pages/3') return;
    const time = counted('frozen', path) - 1;
    asked[time]?.resolve();
    await [toFrozen, toNext][time]?.promise;
  });
  const runId = await begin('frozen', PROVIDERS.plain, paged());
  await asked[0]?.promise;
  const frozen = stage.theatre.attemptOf(runId)?.worker;
  if (frozen === undefined) throw new Error('No worker runs it');
  workers.push(frozen);
  frozen.signal('SIGSTOP');
  toFrozen.resolve();
  // Its open polls take the next attempt as well: it finds a task on its thaw that has long timed out.
  await untilAttempt(runId, 2);
  await stage.theatre.startWorker();
  await asked[1]?.promise;
  frozen.signal('SIGCONT');
  // Whether it hears first from Temporal or from the run's fence.
  await Promise.race([frozen.logged('run.attempt_lost', runId), frozen.logged('run.handed_over', runId)]);
  toNext.resolve();
  const run = await endedRun(stage.theatre, runId, ENDS_WITHIN_MS);
  expectWhole(run);
  const result = await stage.theatre.engine.client.workflow.getHandle(run.workflow_id).result();
  expect(result).toMatchObject({ status: 'finished', runId });
  expect(await rowsOf('frozen', '3.')).toEqual([2]);
}, 300_000);

/** Triggers a sync with this source of a connection of that name, which the upstream knows. */
async function begin(connection: string, provider: string, source: string): Promise<string> {
  const { theatre } = stage;
  await call(theatre.caller, 'POST', '/integrations', { unique_key: connection, provider });
  await connect(theatre, connection, connection);
  await theatre.deploy(connection, { name: 'pages', source });
  return trigger(theatre, { integration: connection, connection, name: 'pages' });
}

/** Resolves when the connection has asked for the path; the first time it gets no answer before `until`. */
function holdOnce(connection: string, path: string, until: Promise<void>): Promise<void> {
  const asked = Promise.withResolvers<void>();
  stage.theatre.upstream.watch(connection, async (request) => {
    if (request.path !== path || counted(connection, path) > 1) return;
    asked.resolve();
    await until;
  });
  return asked.promise;
}

function askedBy(connection: string): readonly Asked[] {
  return stage.theatre.upstream.askedBy(connection);
}

function counted(connection: string, path: string): number {
  return askedBy(connection).filter((one) => one.path === path).length;
}

async function untilPostIsKept(runId: string): Promise<void> {
  const text = `select from journal_calls where run_id = $1::text and state = 'done'`;
  await until('POST that is kept', async () => (await stage.theatre.engine.db.query(text, [runId])).rowCount !== 0);
}

/** Resolves once Temporal has handed out so many attempts of the run's activity. */
async function untilAttempt(runId: string, attempt: number): Promise<void> {
  const { workflow_id: workflowId } = await call<Run>(stage.theatre.caller, 'GET', `/runs/${runId}`);
  const handle = stage.theatre.engine.client.workflow.getHandle(workflowId);
  await until(`attempt ${attempt}`, async () => {
    const [pending] = (await handle.describe()).raw.pendingActivities ?? [];
    return (pending?.attempt ?? 0) >= attempt && Boolean(pending?.lastWorkerIdentity) && pending?.state === 2;
  });
}

function expectWhole(run: Run | undefined): void {
  expect(run).toMatchObject({ state: 'success', error: null });
  expect(run?.counts['Task']?.updated).toBe(0);
}

/** Events of the run's workflow that a user would read as an error, and activities that were begun more than once. */
async function troubles({ workflow_id: workflowId }: Run): Promise<readonly unknown[]> {
  const handle = stage.theatre.engine.client.workflow.getHandle(workflowId);
  await handle.result();
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter(
    ({ activityTaskFailedEventAttributes, activityTaskTimedOutEventAttributes, activityTaskStartedEventAttributes }) =>
      activityTaskFailedEventAttributes ||
      activityTaskTimedOutEventAttributes ||
      (activityTaskStartedEventAttributes?.attempt ?? 1) > 1,
  );
}

/** How often the page had been asked for when the rows were made that are stored. */
async function rowsOf(connection: string, prefix: string): Promise<readonly unknown[]> {
  const records = await recordsOf(connection);
  return [...new Set(records.filter(({ id }) => id.startsWith(prefix)).map(({ asked }) => asked))];
}

async function recordsOf(connection: string): Promise<readonly { readonly id: string; readonly asked: number }[]> {
  const of = { 'provider-config-key': connection, 'connection-id': connection };
  const path = '/records?model=Task&limit=1000';
  type Page = { readonly records: readonly { readonly id: string; readonly asked: number }[] };
  const { records } = await call<Page>(stage.theatre.caller, 'GET', path, undefined, [], of);
  return records;
}

const MANY = 20;
const SLOW_PAGES = 30;
/** Of 200 ms each: a flush holds back half a second of them where so few run, and 3 s where 150 do; a busy machine more. */
const MOST_AGAIN = 12;
const SLOW = `
export default async function fetchData(nango: any) {
  for (let page = 0; page < ${SLOW_PAGES}; page++) {
    await nango.get({ endpoint: '/pages/' + page, params: { slow: 200 } });
    await nango.batchSave([{ id: String(page) }], 'Task');
  }
}`;

test('of many syncs in a worker that is killed all go on in another, with each record once and few pages again', async () => {
  const names = Array.from({ length: MANY }, (_, at) => `many-${at}`);
  await call(stage.theatre.caller, 'POST', '/integrations', { unique_key: 'many', provider: PROVIDERS.plain });
  for (const name of names) await connect(stage.theatre, 'many', name);
  await stage.theatre.deploy('many', { name: 'slow', source: SLOW });
  const runIds = await Promise.all(
    names.map((connection) => trigger(stage.theatre, { integration: 'many', connection, name: 'slow' })),
  );
  await until('page of each', () => names.every((name) => askedBy(name).length > MOST_AGAIN + 3));
  const struck = new Set(runIds.flatMap((id) => stage.theatre.attemptOf(id)?.worker ?? []));
  for (const worker of struck) worker.signal('SIGKILL');
  await stage.theatre.startWorker();
  const runs = await Promise.all(runIds.map((id) => endedRun(stage.theatre, id, ENDS_WITHIN_MS)));
  const whole = { state: 'success', counts: { Task: { added: SLOW_PAGES, updated: 0, deleted: 0 } } };
  expect(runs).toEqual(names.map(() => expect.objectContaining(whole)));
  const again = names.map((name) => askedBy(name).length - SLOW_PAGES);
  expect(again.some((pages) => pages > 0)).toBe(true);
  expect(Math.max(...again)).toBeLessThanOrEqual(MOST_AGAIN);
}, 300_000);
