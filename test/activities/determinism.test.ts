import { afterEach, expect, test } from '@jest/globals';
import { createSandbox } from '../../sandbox/pool.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const durable = useDurableRuns({
  proxy: () => ({ base_url: upstream.url, headers: { authorization: `Bearer \${apiKey}` } }),
});

const surroundings = { ...process.env };
afterEach(() => {
  for (const name of ['TZ', 'LANG', 'LC_ALL']) {
    const value = surroundings[name];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

/** Everything a script may look at that could differ between two machines or two moments. */
const WITNESS = `
async function witness(nango: any): Promise<string> {
  const date = new Date();
  const failing = (look: () => unknown) => { try { return look(); } catch (error: any) { return error.message; } };
  await new Promise((resolve) => setTimeout(resolve, 2));
  return JSON.stringify([
    date, String(date), date.toLocaleString(), date.toLocaleDateString('de-DE'), date.toLocaleTimeString(undefined, { timeZoneName: 'long' }),
    date.getTimezoneOffset(), Date.now(), new Date().getTime(), Date(), (date as any).constructor.now(),
    failing(() => (Object.getPrototypeOf(Date) as any).now()),
    new Intl.DateTimeFormat().format(), Intl.DateTimeFormat().resolvedOptions(), new Intl.DateTimeFormat('ja-JP').formatToParts(),
    Intl.NumberFormat().format(12345.678), (12345.678).toLocaleString(), ['ä', 'z', 'a'].sort((a, b) => a.localeCompare(b)), 'I'.toLocaleLowerCase(),
    new Intl.RelativeTimeFormat('en').format(-1, 'day'), Math.random(), crypto.randomUUID(), require('crypto').randomBytes(4).toString('hex'),
  ]);
}`;

test('a token refreshed, another time zone and another language of the worker during a wait are no divergence', async () => {
  upstream.answerWith({ status: 429, headers: { 'retry-after': '3600' } });
  const source = `
export default async function fetchData(nango: any) {
  await nango.log(await witness(nango));
  const token = await nango.getToken();
  const { credentials } = await nango.getConnection();
  await nango.get({ endpoint: '/' + encodeURIComponent(await witness(nango)), retries: 1 });
  await nango.log('before the wait ' + token + ' ' + credentials.apiKey);
  await nango.log('after the wait ' + (await nango.getToken()));
  await nango.batchSave([{ id: 'witness', seen: await witness(nango) }], 'Task');
}
${WITNESS}`;
  const { runs } = durable;
  const runId = await runs.allocate(await runs.deploy({ name: 'witness', source }));
  const first = await runs.attempt(runId);
  if (first.status !== 'waiting') throw new Error(`The run is ${first.status}`);
  await runs.connect('acme', 'second');
  runs.moveTo(first.resumeAt);
  Object.assign(process.env, { TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' });
  const sandbox = createSandbox({ maxChildren: 1 });
  const second = await runs.attempt(runId, { sandbox }).finally(sandbox.close);
  expect(second).toMatchObject({ status: 'ended', state: 'success' });
  const { generation, logs } = await runs.inspect(runId);
  expect(generation).toBe(0);
  expect(logs.slice(1)).toEqual(['before the wait first first', 'after the wait second']);
  expect(upstream.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer first', 'Bearer second']);
  expect(upstream.requests[1]?.url).toBe(upstream.requests[0]?.url);
});
