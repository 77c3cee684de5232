/** What an answer says of a limit is noted once, before the next call of the line is called. */
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { useUpstream } from '../support/upstream.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';

const FIRST_AT_ONCE = 4;
const CALLS = 12;
const upstream = useUpstream();
const durable = useDurableRuns({ proxy: () => ({ base_url: upstream.url, retry: { after: 'x-after' } }) });
const script = (body: string) => `export default async function fetchData(nango: any) { ${body} }`;

// A trigger sees each statement that notes, also one that changes nothing. Notes are slow, so that what does not wait for
// them gets ahead.
beforeAll(async () => {
  await durable.pool.query(`
    create table notes (until timestamptz, at bigint generated always as identity);
    create function keep_note() returns trigger language plpgsql as $$
      begin insert into notes (until) values (new.until); perform pg_sleep(0.1); return new; end $$;
    create trigger keep_note before update or insert on connection_limits for each row execute function keep_note()`);
});
beforeEach(() => durable.pool.query('truncate notes'));
const notes = async () => (await durable.pool.query<{ until: Date }>('select until from notes order by at')).rows;

test.each([
  ['the time of the retry', { 'x-after': '0.3' }, 300],
  ['the pause, where that is longer', { 'x-after': '0.1', ratelimit: 'limit=10, remaining=1, reset=0.6' }, 600],
  [
    'the time of the retry, where that is longer',
    { 'x-after': '0.6', ratelimit: 'limit=10, remaining=1, reset=0.1' },
    600,
  ],
])('a refusal that is tried again is noted once: %s', async (what, headers, ms) => {
  upstream.answerWith({ status: 503, headers }, { json: {} });
  const { runs } = durable;
  const name = `once-${what.replaceAll(/\W/g, '-')}`;
  const source = script("await nango.get({ endpoint: '/x', retries: 2 });");
  const id = await runs.deploy({ name, connection: name, source });
  const begun = Date.now();
  expect(await runs.run(id)).toMatchObject({ state: 'success' });
  const noted = await notes();
  expect(noted).toHaveLength(1);
  const until = noted[0]?.until.getTime() ?? 0;
  expect(until - begun).toBeGreaterThanOrEqual(ms);
  expect(until).toBeLessThanOrEqual(Date.now());
});

test('no further call of the line goes out once an answer has named a time', async () => {
  // Two spells in which the API refuses everything: from the first call on, and from the first after that.
  const ends: number[] = [];
  let refused = 0;
  upstream.handleWith(() => {
    const now = performance.now();
    if (ends.length < 2 && now >= (ends[0] ?? 0)) ends.push(now + 700);
    const [first = 0, second = 0] = ends;
    if (now >= Math.max(first, second)) return { json: {} };
    if (second > 0) refused += 1;
    return { status: 503, headers: { 'x-after': String(((second || first) - now) / 1_000) } };
  });
  const { runs } = durable;
  const source = script(`await Promise.all(Array.from({ length: ${CALLS} }, (_, n) =>
    nango.get({ endpoint: '/' + n, retries: 9 })));`);
  const id = await runs.deploy({ name: 'in-turn', connection: 'in-turn', source });
  expect(await runs.run(id)).toMatchObject({ state: 'success' });
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThanOrEqual(FIRST_AT_ONCE);
});

test('whoever has plenty left of a limit waits for nothing, and nothing is noted', async () => {
  const LIMIT = 100;
  upstream.handleWith(() => ({
    headers: { ratelimit: `limit=${LIMIT}, remaining=${LIMIT - upstream.requests.length}, reset=60` },
    json: {},
  }));
  const { runs } = durable;
  const source = script("for (let n = 0; n < 79; n += 1) await nango.get({ endpoint: '/' + n });");
  const id = await runs.deploy({ name: 'plenty', connection: 'plenty', source });
  expect(await runs.run(id)).toMatchObject({ state: 'success', waits: [] });
  expect(upstream.requests).toHaveLength(79);
  expect(await notes()).toEqual([]);
});
