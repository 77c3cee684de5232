import { expect, test } from '@jest/globals';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const durable = useDurableRuns({
  proxy: () => ({ base_url: upstream.url, retry: { after: 'x-after', scope: 'integration' } }),
});

test("a limit of the app makes the runs of all its integration's connections wait", async () => {
  upstream.handleWith(({ url }) => (url === '/first' ? { status: 429, headers: { 'x-after': '7200' } } : { json: {} }));
  const { runs } = durable;
  const calling = (endpoint: string) =>
    `export default async function fetchData(nango: any) { await nango.get({ endpoint: '${endpoint}', retries: 1 }); }`;
  const [first, other] = await Promise.all([
    runs.deploy({ name: 'sees-it', source: calling('/first'), connection: 'one' }),
    runs.deploy({ name: 'hears-of-it', source: calling('/second'), connection: 'another' }),
  ]);
  const begunAt = runs.now().getTime();
  await runs.attempt(await runs.allocate(first));
  const held = await runs.allocate(other);
  expect(await runs.attempt(held)).toMatchObject({
    status: 'waiting',
    reason: expect.stringMatching(/^GET \/first was answered with 429/),
  });
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/first']);
  runs.moveTo(new Date(begunAt + 7_205_000));
  expect(await runs.finish(held)).toMatchObject({ state: 'success', waits: [] });
});
