import { expect, test } from '@jest/globals';
import type { DurableRuns } from '../support/durable-runs.ts';
import { type SimulatedSync, useSimulatedSync } from '../support/simulated-sync.ts';
import { useUpstream } from '../support/upstream.ts';

const PAGES = 500;
const PAGES_AN_HOUR = 100;
const HOUR_MS = 3_600_000;

const upstream = useUpstream();
const held: { isolates: number; running: number; connections: number }[] = [];
const sync: SimulatedSync = useSimulatedSync({
  proxy: () => ({ base_url: upstream.url, retry: { at: 'x-ratelimit-reset' } }),
  source: () => `
export default async function fetchData(nango: any) {
  for (let page = 0; page < ${PAGES}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, retries: 3 });
    await nango.batchSave(data.rows, 'Task');
  }
}`,
  beforeScript: async (runs) => {
    held.push(await heldBy(runs));
  },
});

test('500 pages of which an API grants 100 an hour: each is fetched once, and nothing is held while the run waits', async () => {
  const hours = new Map<number, number>();
  let opensAt = sync.now().getTime() + HOUR_MS;
  // Each window is spent by a hundred pages, and the run begins when one is spent.
  let left = 0;
  upstream.handleWith(({ url }) => {
    if (left === 0 && sync.now().getTime() < opensAt) {
      return { status: 429, headers: { 'x-ratelimit-reset': String(Math.ceil(opensAt / 1000)) } };
    }
    if (left === 0) {
      left = PAGES_AN_HOUR;
      opensAt = sync.now().getTime() + HOUR_MS;
    }
    left -= 1;
    hours.set(opensAt, (hours.get(opensAt) ?? 0) + 1);
    return { json: { rows: [{ id: url.split('/').at(-1) }] } };
  });
  const begunAt = sync.now().getTime();
  const { result, runId } = await sync.run();
  expect(result).toMatchObject({ status: 'finished', counts: { Task: { added: PAGES, updated: 0, deleted: 0 } } });
  expect(sync.now().getTime() - begunAt).toBeGreaterThanOrEqual(5 * HOUR_MS);
  expect([...hours.values()]).toEqual(Array.from({ length: 5 }, () => PAGES_AN_HOUR));
  const asked = upstream.requests.map(({ url }) => url);
  expect(new Set(asked).size).toBe(PAGES);
  expect(asked).toHaveLength(PAGES + 5);
  expect(await sync.runs.inspect(runId)).toMatchObject({ state: 'success', requests: PAGES + 5 });
  expect(held).toEqual(Array.from({ length: 6 }, () => ({ isolates: 0, running: 0, connections: 0 })));
}, 120_000);

/** What the worker holds at the end of a wait: an isolate that was told to go may take a moment, and no longer. */
async function heldBy({ sandbox, deps }: DurableRuns): Promise<(typeof held)[number]> {
  while (sandbox.stats().isolates > 0) await new Promise((resolve) => setImmediate(resolve));
  const { isolates, running } = sandbox.stats();
  return { isolates, running, connections: deps.db.totalCount - deps.db.idleCount };
}
