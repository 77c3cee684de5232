import { expect, test } from '@jest/globals';
import { JOURNAL_LIMITS, type JournalLimits } from '../../activities/dependencies.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { type UpstreamAnswer, type UpstreamRequest, useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const proxy = () => ({ base_url: upstream.url });
const lowered = (limits: Partial<JournalLimits>) => ({ proxy, limits: { journal: { ...JOURNAL_LIMITS, ...limits } } });
const ordinary = useDurableRuns({ proxy });
const smallBodies = useDurableRuns(lowered({ bodyBytes: 1_000 }));
const lowSoftCap = useDurableRuns(lowered({ softBytes: 1 }));
const lowHardCap = useDurableRuns(lowered({ hardBytes: 1 }));

const script = (body: string) => `export default async function fetchData(nango: any) { ${body} }`;
const LARGE = 'x'.repeat(5_000);

/** How often each path was asked for. */
const asked = () => {
  const counts: Record<string, number> = {};
  for (const { url } of upstream.requests) counts[url] = (counts[url] ?? 0) + 1;
  return counts;
};

/** Refuses the first call to `/wait` for an hour, and answers all else with `answer`. */
function waitingAtWait(answer: (request: UpstreamRequest) => UpstreamAnswer): void {
  upstream.handleWith((request) => {
    if (request.url === '/wait' && asked()['/wait'] === 1) return { status: 429, headers: { 'retry-after': '3600' } };
    return answer(request);
  });
}

const THREE_ANSWERS = script(`
  const large = await nango.get({ endpoint: '/large', retries: 1 });
  const small = await nango.get({ endpoint: '/small' });
  const posted = await nango.post({ endpoint: '/posted', data: {} });
  await nango.get({ endpoint: '/wait', retries: 1 });
  await nango.batchSave([{ id: 'a', sizes: [large, small, posted].map(({ data }) => data.length) }], 'Task');`);

const answerBySize = ({ url }: UpstreamRequest): UpstreamAnswer => ({ body: url === '/small' ? 'small' : LARGE });

test('bodies are kept compressed', async () => {
  waitingAtWait(() => ({ json: Array.from({ length: 2_000 }, (_, id) => ({ id, name: `Task number ${id}` })) }));
  const { runs } = ordinary;
  const source = script(`let bytes = 0;
    for (const page of [1, 2, 3, 4]) bytes += JSON.stringify((await nango.get({ endpoint: '/' + page })).data).length;
    await nango.get({ endpoint: '/wait', retries: 1 });
    await nango.log(bytes);`);
  const runId = await runs.allocate(await runs.deploy({ name: 'compressed', source }));
  const result = await runs.attempt(runId);
  if (result.status !== 'waiting') throw new Error(`The run is ${result.status}`);
  const { journalBytes } = await runs.inspect(runId);
  runs.moveTo(result.resumeAt);
  await runs.finish(runId);
  expect(journalBytes).toBeGreaterThan(0);
  expect(journalBytes).toBeLessThan(Number((await runs.inspect(runId)).logs[0]) / 8);
});

test('an answer of a GET that is too large to keep is asked for again by the run that goes on, and no other is', async () => {
  waitingAtWait(answerBySize);
  const { runs } = smallBodies;
  const ended = await runs.run(await runs.deploy({ name: 'large', source: THREE_ANSWERS }));
  expect(ended).toMatchObject({ state: 'success', waits: [expect.anything()] });
  expect(asked()).toEqual({ '/large': 2, '/small': 1, '/posted': 1, '/wait': 2 });
  expect(await runs.records()).toEqual([{ id: 'a', sizes: [5_000, 5, 5_000] }]);
  expect((await runs.inspect(ended.runId)).generation).toBe(0);
});

test('a run whose large answer is another one when it is asked for again begins again', async () => {
  waitingAtWait(({ url }) => ({ body: url === '/large' ? `${LARGE}${asked()['/large']}` : 'small' }));
  const { runs } = smallBodies;
  const source = THREE_ANSWERS.replace(/const posted[^;]*;/, 'const posted = small;');
  const { runId, state } = await runs.run(await runs.deploy({ name: 'changed', source, connection: 'changed' }));
  expect(state).toBe('success');
  const { generation, logs } = await runs.inspect(runId);
  expect({ generation, logs }).toEqual({
    generation: 1,
    logs: [expect.stringMatching(/\(the answer of call 0 is another one now\): it begins again/)],
  });
});

test('a run whose large answer is another one each time fails, unless its checkpoints get it on', async () => {
  // Every second call to a `/wait` is refused for an hour.
  upstream.handleWith(({ url }) => {
    const isRefused = url.startsWith('/wait') && (asked()[url] ?? 0) % 2 === 1;
    if (isRefused) return { status: 429, headers: { 'retry-after': '3600' } };
    return { body: url === '/large' ? `${LARGE}${asked()['/large']}` : 'small' };
  });
  const { runs } = smallBodies;
  const source = script(`
    const begun = (await nango.getCheckpoint())?.part ?? 0;
    await nango.get({ endpoint: '/large' });
    for (let part = begun; part < 4; part++) {
      CHECKPOINT
      await nango.get({ endpoint: '/wait-' + part, retries: 1 });
    }`);
  const [without, with_] = [
    await runs.deploy({ name: 'astray', source: source.replace('CHECKPOINT', ''), connection: 'astray' }),
    await runs.deploy({
      ...{ name: 'gets-on', connection: 'gets-on' },
      source: source.replace('CHECKPOINT', 'await nango.saveCheckpoint({ part });'),
    }),
  ];
  expect((await runs.run(without)).failure).toMatchObject({
    code: 'script_diverged',
    message: expect.stringMatching(/\(the answer of call 1 is another one now\), as before/),
  });
  expect(await runs.run(with_)).toMatchObject({ state: 'success' });
});

test('a large answer that is refused when it is asked for again makes the run wait once more', async () => {
  waitingAtWait((request) => {
    const isRefused = request.url === '/large' && asked()['/large'] === 2;
    return isRefused ? { status: 429, headers: { 'retry-after': '7200' } } : answerBySize(request);
  });
  const { runs } = smallBodies;
  const ended = await runs.run(await runs.deploy({ name: 'refused', source: THREE_ANSWERS, connection: 'refused' }));
  expect(ended).toMatchObject({
    state: 'success',
    waits: [expect.anything(), { reason: expect.stringMatching(/large/) }],
  });
  expect(ended.waits[1]?.seconds).toBeGreaterThanOrEqual(7_199);
  expect(asked()).toEqual({ '/large': 3, '/small': 1, '/posted': 1, '/wait': 2 });
});

test('past the soft cap a checkpoint is where the script begins again, its records and an empty journal stored with it', async () => {
  upstream.handleWith(({ url }) => ({ json: { rows: [{ id: url }] } }));
  const { runs } = lowSoftCap;
  // Asking for the connection stores what there is: the journal is past its cap at each checkpoint.
  const source = script(`
    const begun = (await nango.getCheckpoint())?.page ?? 0;
    await nango.log(begun + ' ' + Math.random());
    for (let page = begun; page < 5; page++) {
      const { data } = await nango.get({ endpoint: '/' + page });
      await nango.post({ endpoint: '/posted-' + page, data: {} });
      await nango.getConnection();
      await nango.batchSave(data.rows, 'Task');
      await nango.saveCheckpoint({ page: page + 1 });
    }`);
  const { runId, state } = await runs.run(await runs.deploy({ name: 'capped', source }));
  expect(state).toBe('success');
  const { generation, logs, counts, requests } = await runs.inspect(runId);
  expect(generation).toBe(5);
  expect(logs.map((line) => line.split(' ')[0])).toEqual(['0', '1', '2', '3', '4', '5']);
  expect(new Set(logs.map((line) => line.split(' ')[1])).size).toBe(6);
  expect(counts).toEqual({ added: 5, updated: 0, deleted: 0 });
  expect(requests).toBe(10);
  expect(Object.values(asked())).toEqual(Array.from({ length: 10 }, () => 1));
});

test('a generation leaves nothing of the journal of the one before', async () => {
  waitingAtWait(() => ({ body: LARGE }));
  const { runs, pool } = lowSoftCap;
  const source = script(`
    if (!(await nango.getCheckpoint())) {
      await nango.post({ endpoint: '/posted', data: {} });
      await nango.getConnection();
      await nango.saveCheckpoint({ posted: true });
    }
    await nango.get({ endpoint: '/wait', retries: 1 });`);
  const runId = await runs.allocate(await runs.deploy({ name: 'emptied', source, connection: 'emptied' }));
  const result = await runs.attempt(runId);
  if (result.status !== 'waiting') throw new Error(`The run is ${result.status}`);
  const { rows } = await pool.query(
    `select generation, 'chunk' as what from journal_chunks where run_id = $1
     union all select generation, what from journal_calls where run_id = $1`,
    [runId],
  );
  expect(rows).toEqual([
    { generation: 1, what: 'chunk' },
    { generation: 1, what: 'GET /wait' },
  ]);
  runs.moveTo(result.resumeAt);
  expect(await runs.finish(runId)).toMatchObject({ state: 'success' });
  expect(asked()['/posted']).toBe(1);
});

test('below the soft cap a checkpoint is no new beginning', async () => {
  const { runs } = ordinary;
  const source = script('await nango.getConnection(); await nango.saveCheckpoint({ page: 1 });');
  const { runId } = await runs.run(await runs.deploy({ name: 'uncapped', source, connection: 'uncapped' }));
  expect((await runs.inspect(runId)).generation).toBe(0);
});

test('past the hard cap answers of GETs are not kept any more, those of calls that changed the world are', async () => {
  waitingAtWait(({ url }) => ({ body: `body of ${url}` }));
  const { runs } = lowHardCap;
  const source = script(`
    const bodies = [];
    for (const path of ['/kept', '/dropped-1', '/dropped-2']) {
      bodies.push((await nango.get({ endpoint: path })).data);
      await nango.getConnection();
    }
    bodies.push((await nango.post({ endpoint: '/posted', data: {} })).data);
    await nango.get({ endpoint: '/wait', retries: 1 });
    await nango.batchSave([{ id: 'a', bodies }], 'Task');`);
  const ended = await runs.run(await runs.deploy({ name: 'capped-hard', source }));
  expect(ended).toMatchObject({ state: 'success' });
  expect(asked()).toEqual({ '/kept': 1, '/dropped-1': 2, '/dropped-2': 2, '/posted': 1, '/wait': 2 });
  expect(await runs.records()).toEqual([
    { id: 'a', bodies: ['/kept', '/dropped-1', '/dropped-2', '/posted'].map((path) => `body of ${path}`) },
  ]);
});
