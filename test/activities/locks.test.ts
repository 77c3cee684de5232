import { expect, test } from '@jest/globals';
import { useUpstream } from '../support/upstream.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';

const upstream = useUpstream();
const durable = useDurableRuns({ proxy: () => ({ base_url: upstream.url }) });
const LOCK = "{ key: 'orders', ttlMs: 600_000 }";

/** Each request that comes is noted and waits for its own answer. */
function gates(count: number) {
  const all = Array.from({ length: count }, () => ({
    asked: Promise.withResolvers<void>(),
    answered: Promise.withResolvers<void>(),
  }));
  let came = 0;
  upstream.handleWith(async () => {
    const gate = all[came++];
    gate?.asked.resolve();
    await gate?.answered.promise;
    return { json: {} };
  });
  return all.map(({ asked, answered }) => ({ asked: asked.promise, answer: answered.resolve }));
}

/** Allocates a run of a new sync. */
async function allocate(name: string, body: string): Promise<string> {
  const source = `export default async function fetchData(nango: any) { ${body} }`;
  return durable.runs.allocate(await durable.runs.deploy({ name, source }));
}

/** Whether another run could take the lock just now; it gives it up with its end. */
async function isFree(name: string): Promise<boolean> {
  const runId = await allocate(name, `await nango.log(await nango.tryAcquireLock(${LOCK}));`);
  await durable.runs.finish(runId);
  const { state, logs } = await durable.runs.inspect(runId);
  expect(state).toBe('success');
  return logs[0] === 'true';
}

test('what a script did under a lock is stored before it gives the lock up', async () => {
  const [after] = gates(1);
  const runId = await allocate(
    'saves',
    `await nango.tryAcquireLock(${LOCK});
     await nango.batchSave([{ id: 'under the lock' }], 'Task');
     await nango.releaseLock(${LOCK});
     await nango.get({ endpoint: '/after' });`,
  );
  const holder = durable.runs.finish(runId);
  await after?.asked;
  const seen = await durable.runs.records();
  expect(await isFree('after-saves')).toBe(true);
  after?.answer();
  expect(await holder).toMatchObject({ state: 'success' });
  expect(seen).toEqual([{ id: 'under the lock' }]);
});

test('an attempt that was taken over does not give up the lock under which the next one works', async () => {
  const [first, second] = gates(2);
  const runId = await allocate(
    'works',
    `await nango.tryAcquireLock(${LOCK});
     await nango.get({ endpoint: '/work' });
     await nango.log(await nango.releaseLock(${LOCK}));`,
  );
  const old = durable.runs.attempt(runId).catch((error: unknown) => error);
  await first?.asked;
  const taker = durable.runs.finish(runId);
  await second?.asked;
  first?.answer();
  expect(await old).toMatchObject({ code: 'lease_lost' });
  const wasFree = await isFree('beside');
  second?.answer();
  expect(await taker).toMatchObject({ state: 'success' });
  expect((await durable.runs.inspect(runId)).logs).toEqual(['true']);
  expect([wasFree, await isFree('behind')]).toEqual([false, true]);
});

test('a lock outlives a wait of its run, and is lost with its time', async () => {
  const run = (name: string, ttlMs: number) =>
    allocate(
      name,
      `await nango.tryAcquireLock({ key: 'orders', ttlMs: ${ttlMs} });
       await nango.get({ endpoint: '/refused', retries: 1 });
       await nango.log(await nango.releaseLock(${LOCK}));`,
    );
  const HOUR_S = 3_600;
  for (const [name, ttlMs, isHeld] of [
    ['longer', 2 * HOUR_S * 1_000, true],
    ['shorter', HOUR_S * 500, false],
  ] as const) {
    upstream.answerWith({ status: 429, headers: { 'retry-after': String(HOUR_S) } });
    const runId = await run(name, ttlMs);
    const waiting = await durable.runs.attempt(runId);
    if (waiting.status !== 'waiting') throw new Error(`It has ${waiting.status}`);
    expect(await isFree(`during-${name}`)).toBe(false);
    durable.runs.moveTo(waiting.resumeAt);
    expect([name, await isFree(`behind-${name}`)]).toEqual([name, !isHeld]);
    await durable.runs.finish(runId);
    expect((await durable.runs.inspect(runId)).logs).toEqual([String(isHeld)]);
  }
});
