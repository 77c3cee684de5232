/** Calls that wait in line for the budget of an API, in workers of which one is killed. */
import { expect, test } from '@jest/globals';
import { connect, endedRun, PROVIDERS, trigger } from '../../bench/chaos/theatre.ts';
import type { Asked } from '../../bench/chaos/upstream.ts';
import { call } from '../../platform/example.ts';
import { useTheatre } from '../support/theatre.ts';
import { until } from '../support/until.ts';

// One run in each worker: which one is killed is known then.
const stage = useTheatre({ workers: 1, settings: { NANGO_SYNC_SLOTS: '1' } });
const ENDS_WITHIN_MS = 240_000;
const CALLS = 12;
const FIRST_AT_ONCE = 4;
const NAME = 'line';

/** Asks for so many pages at once, each of which is refused for two seconds the first time. */
const crowd = (prefix: string) => `
export default async function fetchData(nango: any) {
  const pages = await Promise.all(Array.from({ length: ${CALLS} }, (_, n) =>
    nango.get({ endpoint: '/pages/${prefix}' + n, params: { refuse: 2, slow: 200 }, retries: 50 })));
  await nango.batchSave(pages.map((_, n) => ({ id: '${prefix}' + n })), 'Task');
}`;

const askedBy = (prefix: string): readonly Asked[] =>
  stage.theatre.upstream.askedBy(NAME).filter(({ path }) => path.startsWith(`/pages/${prefix}`));
const inLine = async () => (await stage.theatre.engine.db.query('select run_id from call_line')).rowCount;

test('a worker that is killed with calls in line: another run goes on, and the resumed one takes its turn again', async () => {
  const { theatre } = stage;
  await call(theatre.caller, 'POST', '/integrations', { unique_key: NAME, provider: PROVIDERS.plain });
  await connect(theatre, NAME, NAME);
  const released = Promise.withResolvers<void>();
  const again = { a: Promise.withResolvers<void>(), b: Promise.withResolvers<void>() };
  // Whoever has waited and is served now gets no answer before the blow.
  theatre.upstream.watch(NAME, async ({ path }) => {
    if (theatre.upstream.askedBy(NAME).filter((one) => one.path === path).length === 1) return;
    again[path.startsWith('/pages/a') ? 'a' : 'b'].resolve();
    await released.promise;
  });
  for (const name of ['a', 'b']) await theatre.deploy(NAME, { name, source: crowd(name) });
  const sync = { integration: NAME, connection: NAME };
  const lost = await trigger(theatre, { ...sync, name: 'a' });
  await until("call of 'a'", () => askedBy('a').length > 0);
  await theatre.startWorker();
  const other = await trigger(theatre, { ...sync, name: 'b' });
  await Promise.all([again.a.promise, again.b.promise]);
  await until('line of two', async () => (await inLine()) === 2);
  const [killed, stays] = [theatre.attemptOf(lost), theatre.attemptOf(other)];
  expect(killed?.worker.pid).not.toBe(stays?.worker.pid);
  const before = askedBy('a').length;
  killed?.worker.signal('SIGKILL');
  await killed?.worker.exited;
  released.resolve();

  const runs = [await endedRun(theatre, other, ENDS_WITHIN_MS), await endedRun(theatre, lost, ENDS_WITHIN_MS)];
  for (const run of runs) expect(run).toMatchObject({ state: 'success', counts: { Task: { added: CALLS } } });
  expect(theatre.attemptOf(other)?.attempt).toBe(1);
  expect(theatre.attemptOf(lost)?.attempt).toBeGreaterThan(1);
  expect(await inLine()).toBe(0);
  const resumed = askedBy('a').slice(before);
  expect(resumed).toHaveLength(CALLS);
  for (const { at } of resumed) {
    const answered = resumed.filter((one) => (one.answeredAt ?? at) < at).length;
    const atWork = resumed.filter((one) => one.at <= at).length - answered;
    expect(atWork).toBeLessThanOrEqual(FIRST_AT_ONCE + answered);
  }
}, 300_000);
