import { expect, test } from '@jest/globals';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { type UpstreamAnswer, useUpstream } from '../support/upstream.ts';

const HOUR_S = 3_600;

const upstream = useUpstream();
const durable = useDurableRuns({
  proxy: () => ({
    base_url: upstream.url,
    retry: { at: ['x-reset', 'x-reset-of-day'], after: 'x-after', remaining: 'x-left' },
  }),
});

const script = (body: string) => `export default async function fetchData(nango: any) { ${body} }`;
const inSeconds = (seconds: number) => Math.ceil(durable.runs.now().getTime() / 1000) + seconds;
const asked = (path: string) => upstream.requests.filter(({ url }) => url === path).length;

test('a refusal that never ends uses up the retries of its call, however often the run was suspended', async () => {
  upstream.handleWith(() => ({ status: 429, headers: { 'retry-after': String(HOUR_S) } }));
  const { runs } = durable;
  const ended = await runs.run(
    await runs.deploy({ name: 'refused', source: script("await nango.get({ endpoint: '/refused', retries: 3 });") }),
  );
  expect(ended).toMatchObject({ state: 'failed', failure: { message: expect.stringContaining('status code 429') } });
  expect(ended.waits).toHaveLength(3);
  for (const { seconds } of ended.waits) expect(seconds).toBeGreaterThanOrEqual(HOUR_S - 1);
  expect(asked('/refused')).toBe(4);
});

test('a script that sleeps is suspended, and its timer is due when it was', async () => {
  const { runs } = durable;
  const source = script(`
    const begun = Date.now();
    const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await Promise.race([after(7_200_000), nango.get({ endpoint: '/quick' }).then(() => after(3_600_000))]);
    await nango.log(Math.round((Date.now() - begun) / 60_000) + ' minutes');`);
  const ended = await runs.run(await runs.deploy({ name: 'sleeps', source, connection: 'sleeps' }));
  expect(ended).toMatchObject({ state: 'success', waits: [{ reason: 'the script sleeps (setTimeout)' }] });
  expect((await runs.inspect(ended.runId)).logs).toEqual(['60 minutes']);
  expect(asked('/quick')).toBe(1);
});

test('calls that wait together keep their own counts', async () => {
  upstream.handleWith(({ url }) => {
    const isOver = url === '/twice' && asked('/twice') > 2;
    return isOver ? { json: {} } : { status: 429, headers: { 'retry-after': String(HOUR_S) } };
  });
  const { runs } = durable;
  const source = script(`
    const call = async (endpoint: string) => (await nango.get({ endpoint, retries: 3 })).status;
    const [one, other] = await Promise.allSettled([call('/twice'), call('/always')]);
    await nango.log(one.value + ' ' + other.reason.response.status);`);
  const ended = await runs.run(await runs.deploy({ name: 'together', source, connection: 'together' }));
  expect((await runs.inspect(ended.runId)).logs).toEqual(['200 429']);
  expect([asked('/twice'), asked('/always')]).toEqual([3, 4]);
});

const REFUSALS: readonly (readonly [string, number, () => UpstreamAnswer])[] = [
  ['retry.at in seconds', 1_800, () => ({ status: 429, headers: { 'x-reset': String(inSeconds(1_800)) } })],
  ['retry.at in ms', 1_800, () => ({ status: 429, headers: { 'x-reset': String(inSeconds(1_800) * 1000) } })],
  [
    'the longer of two retry.at',
    7_200,
    () => ({ status: 429, headers: { 'x-reset': String(inSeconds(60)), 'x-reset-of-day': String(inSeconds(7_200)) } }),
  ],
  ['retry.after', 900, () => ({ status: 429, headers: { 'x-after': '900' } })],
  [
    'a spent minute beside a day that is not',
    12,
    () => ({ status: 429, headers: { ratelimit: '"minute";r=0;t=12, "day";r=900;t=4000' } }),
  ],
  [
    'a spent minute beside a spent day',
    4_000,
    () => ({ status: 429, headers: { ratelimit: '"minute";r=0;t=12, "day";r=0;t=4000' } }),
  ],
  ['Retry-After in seconds', 600, () => ({ status: 503, headers: { 'retry-after': '600' } })],
  [
    'Retry-After as a date',
    600,
    () => ({ status: 429, headers: { 'retry-after': new Date(inSeconds(600) * 1000).toUTCString() } }),
  ],
  [
    'remaining: 0 in a refusal',
    300,
    () => ({ status: 403, headers: { 'x-left': '0', 'x-reset': String(inSeconds(300)) } }),
  ],
];

test.each(REFUSALS)('%s: the run waits %i s and then asks once more (U038)', async (name, waitS, refusal) => {
  upstream.handleWith(() => (upstream.requests.length === 1 ? refusal() : { json: {} }));
  const { runs } = durable;
  const sync = name.replaceAll(/\W/g, '-').toLowerCase();
  const source = script("await nango.get({ endpoint: '/limited', retries: 1 });");
  const ended = await runs.run(await runs.deploy({ name: sync, source, connection: sync }));
  expect(ended).toMatchObject({ state: 'success', waits: [{ reason: expect.stringMatching(/^GET \/limited/) }] });
  // Rounded up to whole seconds, and up to a second of jitter.
  expect(ended.waits[0]?.seconds).toBeGreaterThanOrEqual(waitS - 1);
  expect(ended.waits[0]?.seconds).toBeLessThanOrEqual(waitS + 3);
  expect(upstream.requests).toHaveLength(2);
});

test('a limit seen by one run makes the other runs of its connection wait, and nobody else', async () => {
  upstream.handleWith(({ url }) => (url === '/first' ? { status: 429, headers: { 'x-after': '7200' } } : { json: {} }));
  const { runs } = durable;
  const calling = (endpoint: string) => script(`await nango.get({ endpoint: '${endpoint}', retries: 1 });`);
  const [first, second, elsewhere] = await Promise.all([
    runs.deploy({ name: 'sees-it', source: calling('/first'), connection: 'limited' }),
    runs.deploy({ name: 'hears-of-it', source: calling('/second'), connection: 'limited' }),
    runs.deploy({ name: 'elsewhere', source: calling('/third'), connection: 'free' }),
  ]);
  const begunAt = runs.now().getTime();
  await runs.attempt(await runs.allocate(first));
  const held = await runs.allocate(second);
  expect(await runs.attempt(held)).toMatchObject({
    status: 'waiting',
    reason: expect.stringMatching(/^GET \/first was answered with 429/),
  });
  expect(await runs.run(elsewhere)).toMatchObject({ state: 'success', waits: [] });
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/first', '/third']);
  runs.moveTo(new Date(begunAt + 7_205_000));
  expect(await runs.finish(held)).toMatchObject({ state: 'success', waits: [] });
});
