import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { JOURNAL_LIMITS } from '../../activities/dependencies.ts';
import { boundedJournal } from '../../activities/journal-bound.ts';
import { until } from '../support/until.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const MOST = 20_000;
/** Random bytes in hex compress to half: each answer takes some 2,000 bytes of the journal. */
const answer = () => ({
  json: { rows: [{ id: String(upstream.requests.length) }], filler: randomBytes(2_000).toString('hex') },
});
const durable = useDurableRuns({
  proxy: () => ({ base_url: upstream.url }),
  limits: { journal: { ...JOURNAL_LIMITS, mostBytes: MOST } },
});

const script = (body: string) => `export default async function fetchData(nango: any) { ${body} }`;
/** A POST is announced in Postgres first, so what came before it is stored by then. */
const CALL_AND_SAVE = `
  const { data } = await nango.post({ endpoint: '/tasks', data: {} });
  await nango.batchSave(data.rows, 'Task');`;
const FULL = { code: 'script_limit_exceeded', message: expect.stringMatching(/NANGO_MAX_JOURNAL_MB/) };

test('a script that calls for ever is ended, what it saved stays, and the next run goes on', async () => {
  upstream.handleWith(answer);
  const { runs } = durable;
  const syncId = await runs.deploy({
    name: 'for-ever',
    source: script(`
      if ((await nango.getCheckpoint()) !== null) return nango.batchSave([{ id: 'next' }], 'Task');
      await nango.saveCheckpoint({ begun: true });
      for (;;) { ${CALL_AND_SAVE} }`),
    connection: 'for-ever',
  });
  const { runId, state, failure } = await runs.run(syncId);
  expect([state, failure]).toEqual(['failed', expect.objectContaining(FULL)]);
  expect(failure?.message).toMatch(
    /^Sync 'for-ever' was stopped: .* 0\.0\d+ MB, and at most 0\.019 MB are expected .* loop .* checkpoints/,
  );
  expect(failure?.lastCalls).toContain('POST /tasks → 200');
  const { journalBytes, state: stored } = await runs.inspect(runId);
  expect(stored).toBe('failed');
  expect(journalBytes).toBeGreaterThan(MOST / 2);
  expect(journalBytes).toBeLessThanOrEqual(MOST);
  expect(await bytesOnDisk(runId)).toBe(journalBytes);
  const saved = (await runs.records('for-ever')).map(({ id }) => id);
  // Every answer that found room, and the last one if its record was on the way.
  expect(saved).toEqual(saved.map((_, at) => String(at + 1)));
  expect(saved.length).toBeGreaterThanOrEqual(upstream.requests.length - 1);
  expect(saved.length).toBeGreaterThan(5);
  expect(await callsWithoutAnAnswer(runId)).toEqual([]);
  expect(await runs.run(syncId)).toMatchObject({ state: 'success' });
  expect((await runs.records('for-ever')).map(({ id }) => id)).toEqual([...saved, 'next']);
});

test('a script cannot catch it', async () => {
  upstream.handleWith(answer);
  const { runs } = durable;
  const source = script(`for (;;) { try { ${CALL_AND_SAVE} } catch { await nango.log('caught'); } }`);
  const { failure } = await runs.run(await runs.deploy({ name: 'catching', source, connection: 'catching' }));
  expect(failure).toMatchObject(FULL);
});

test('a run that goes on after a wait counts what it held', async () => {
  upstream.handleWith(({ url }) => {
    const isRefused = url === '/wait' && upstream.requests.filter((request) => request.url === '/wait').length === 1;
    return isRefused ? { status: 429, headers: { 'retry-after': '3600' } } : answer();
  });
  const { runs } = durable;
  const six = `for (let n = 0; n < 6; n++) { ${CALL_AND_SAVE} }`;
  const [twice, once] = [
    await runs.deploy({ name: 'twice', source: script(`${six} ${WAIT} ${six}`), connection: 'twice' }),
    await runs.deploy({ name: 'once', source: script(six), connection: 'once' }),
  ];
  const ended = await runs.run(twice);
  expect(ended).toMatchObject({ state: 'failed', failure: FULL, waits: [expect.anything()] });
  expect(await bytesOnDisk(ended.runId)).toBeLessThanOrEqual(MOST);
  expect(await runs.run(once)).toMatchObject({ state: 'success' });
});

const WAIT = `await nango.get({ endpoint: '/wait', retries: 1 });`;

test('a run whose worker went away counts what it held', async () => {
  const held = Promise.withResolvers<void>();
  let isHeld = true;
  upstream.handleWith(async ({ url }) => {
    if (url === '/hold' && isHeld) await held.promise;
    return answer();
  });
  const { runs } = durable;
  const six = `for (let n = 0; n < 6; n++) { ${CALL_AND_SAVE} }`;
  const source = script(`${six} await nango.get({ endpoint: '/hold' }); ${six}`);
  const runId = await runs.allocate(await runs.deploy({ name: 'moved', source, connection: 'moved' }));
  const stop = new AbortController();
  const first = runs.attempt(runId, { stop: stop.signal });
  await until('call to /hold', () => upstream.requests.some(({ url }) => url === '/hold'));
  stop.abort();
  expect(await first).toEqual({ status: 'stopped' });
  expect((await runs.inspect(runId)).state).toBe('running');
  isHeld = false;
  held.resolve();
  expect(await runs.finish(runId)).toMatchObject({ state: 'failed', failure: FULL });
  expect(await bytesOnDisk(runId)).toBeLessThanOrEqual(MOST);
});

test('what finds no room at the wait of a run fails it, its records stored', async () => {
  upstream.handleWith(({ url }) =>
    url === '/wait'
      ? { status: 429, headers: { 'retry-after': '3600' } }
      : { json: { rows: [{ id: 'a' }], filler: randomBytes(MOST).toString('hex') } },
  );
  const { runs } = durable;
  const source = script(`
    const { data } = await nango.get({ endpoint: '/large' });
    await nango.batchSave(data.rows, 'Task');
    ${WAIT}`);
  const ended = await runs.run(await runs.deploy({ name: 'at-wait', source, connection: 'at-wait' }));
  expect(ended).toMatchObject({ state: 'failed', failure: FULL, waits: [] });
  expect(await runs.records('at-wait')).toEqual([{ id: 'a' }]);
});

test('what a run has to remember last needs no room', async () => {
  upstream.handleWith(() => ({ json: { rows: [{ id: 'a' }], filler: randomBytes(MOST).toString('hex') } }));
  const { runs } = durable;
  const source = script(`
    const { data } = await nango.get({ endpoint: '/large' });
    await nango.batchSave(data.rows, 'Task');`);
  const ended = await runs.run(await runs.deploy({ name: 'last', source, connection: 'last' }));
  expect(ended).toMatchObject({ state: 'success' });
  expect(await runs.records('last')).toEqual([{ id: 'a' }]);
});

test('under a small bound checkpoints still empty the journal before it is full', () => {
  const MB = 1024 * 1024;
  expect(boundedJournal(JOURNAL_LIMITS, 1024 * MB)).toEqual(JOURNAL_LIMITS);
  expect(boundedJournal(JOURNAL_LIMITS, 8 * MB)).toMatchObject({ softBytes: 2 * MB, hardBytes: 4 * MB });
});

async function bytesOnDisk(runId: string): Promise<number> {
  const { rows } = await durable.pool.query(
    'select coalesce(sum(octet_length(data)), 0)::float8 as bytes from journal_chunks where run_id = $1',
    [runId],
  );
  return rows[0].bytes;
}

async function callsWithoutAnAnswer(runId: string): Promise<string[]> {
  const { rows } = await durable.pool.query("select what from journal_calls where run_id = $1 and state <> 'done'", [
    runId,
  ]);
  return rows.map(({ what }) => what);
}
