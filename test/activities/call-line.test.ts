import { beforeEach, expect, test } from '@jest/globals';
import { useUpstream } from '../support/upstream.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { until } from '../support/until.ts';

const BUDGET = 20;
const WINDOW_MS = 300;
const CROWD = 300;
const upstream = useUpstream();
const durable = useDurableRuns({
  proxy: () => ({ base_url: upstream.url, retry: { after: 'x-after', scope: 'integration' } }),
});

/** What the API has answered with 200, and how often it refused. */
const api = { served: [] as string[], refused: 0, ends: 0, left: 0 };

beforeEach(() => {
  Object.assign(api, { served: [], refused: 0, ends: 0, left: 0 });
  upstream.handleWith(({ url }) => {
    const now = performance.now();
    if (now >= api.ends) Object.assign(api, { ends: now + WINDOW_MS, left: BUDGET });
    api.left -= 1;
    if (api.left >= 0) {
      api.served.push(url ?? '');
      return { json: {} };
    }
    api.refused += 1;
    return { status: 429, headers: { 'x-after': String((api.ends - now) / 1_000) } };
  });
});

const script = (body: string) => `export default async function fetchData(nango: any) { ${body} }`;

test('a sync with hundreds of waiting calls does not starve another, and makes each of its own once', async () => {
  const { runs } = durable;
  const crowd = await runs.deploy({
    name: 'crowd',
    connection: 'one',
    source: script(`await Promise.all(Array.from({ length: ${CROWD} }, (_, n) =>
      nango.get({ endpoint: '/crowd/' + n, retries: 50 })));`),
  });
  const few = await runs.deploy({
    name: 'few',
    connection: 'another',
    source: script("for (let n = 0; n < 5; n += 1) await nango.get({ endpoint: '/few/' + n, retries: 5 });"),
  });
  const crowded = runs.run(crowd);
  await until('refused call', () => api.refused > 0);
  const before = api.served.length;
  expect(await runs.run(few)).toMatchObject({ state: 'success' });
  // Five windows, had each of its calls to wait for the next one.
  expect(api.served.length - before).toBeLessThanOrEqual(5 + 6 * BUDGET);
  expect(await crowded).toMatchObject({ state: 'success' });
  const order = api.served.filter((url) => url.startsWith('/crowd')).map((url) => Number(url.slice(7)));
  expect(order.sort((a, b) => a - b)).toEqual(Array.from({ length: CROWD }, (_, n) => n));
  expect(await durable.pool.query('select run_id from call_line')).toMatchObject({ rowCount: 0 });
});
