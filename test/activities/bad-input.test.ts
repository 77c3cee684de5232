import { expect, test } from '@jest/globals';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream(({ url }) => ({ json: { rows: [{ id: url.slice(1) }] } }));
const durable = useDurableRuns({ proxy: () => ({ base_url: upstream.url }) });

const script = (body: string) => `export default async function fetchData(nango: any) { ${body} }`;

/** Pages, with something in the middle, a wait of an hour, and pages again. */
const paged = (middle: string) =>
  script(`
  await nango.log('seed ' + Math.random());
  for (let page = 0; page < 6; page++) {
    const { data } = await nango.get({ endpoint: '/page-' + page, retries: 1 });
    await nango.batchSave(data.rows, 'Task');
    if (page === 2) { ${middle} }
  }`);

/** A run of the script in the middle of its wait at page 4. */
async function waitingRun(name: string, source: string): Promise<string> {
  const { runs } = durable;
  const refused = new Set<string>();
  upstream.handleWith(({ url }) => {
    const isRefused = url === '/page-4' && !refused.has(url);
    refused.add(url);
    if (isRefused) return { status: 429, headers: { 'retry-after': '3600' } };
    return { json: { rows: [{ id: `${name}-${url.slice(1)}` }] } };
  });
  const runId = await runs.allocate(await runs.deploy({ name, source, connection: name }));
  const result = await runs.attempt(runId);
  if (result.status !== 'waiting') throw new Error(`The run is ${result.status}`);
  runs.moveTo(result.resumeAt);
  return runId;
}

const damages = [
  ['a flipped bit', 'set data = set_byte(data, 40, get_byte(data, 40) # 1)'],
  ['a chunk cut short', 'set data = substr(data, 1, length(data) - 1)'],
  ['an empty chunk', "set data = ''"],
] as const;

test.each(damages)('%s in the journal: the run begins again and says so', async (damage, change) => {
  const { runs, pool } = durable;
  const name = damage.replaceAll(' ', '-');
  const runId = await waitingRun(name, paged(''));
  await pool.query(`update journal_chunks ${change} where run_id = $1 and chunk = 0`, [runId]);
  expect(await runs.finish(runId)).toMatchObject({ state: 'success' });
  const run = await runs.inspect(runId);
  expect(run).toMatchObject({ generation: 1, counts: { added: 6, updated: 0, deleted: 0 } });
  expect(run.logs[1]).toMatch(
    /^Script '.*' went another way than before its interruption \(Chunk 0 .* is damaged\): it begins again/,
  );
  // The random numbers of a new beginning are others: what they led to before may be what led astray.
  expect(run.logs[0]).toMatch(/^seed /);
  expect(run.logs[2]).toMatch(/^seed /);
  expect(run.logs[2]).not.toBe(run.logs[0]);
});

test('a chunk that belongs to another run does not open', async () => {
  const { runs, pool } = durable;
  const [one, other] = [await waitingRun('one', paged('')), await waitingRun('other', paged(''))];
  await pool.query(
    `update journal_chunks c set data = o.data from journal_chunks o
     where c.run_id = $1 and o.run_id = $2 and c.chunk = 0 and o.chunk = 0`,
    [one, other],
  );
  expect(await runs.finish(one)).toMatchObject({ state: 'success' });
  expect(await runs.inspect(one)).toMatchObject({ generation: 1 });
});

test('a damaged journal with a completed POST in it ends the run, which names the call and makes it no second time', async () => {
  const { runs, pool } = durable;
  const runId = await waitingRun('posted', paged("await nango.post({ endpoint: '/notify', data: { page } });"));
  await pool.query(`update journal_chunks set data = set_byte(data, 40, get_byte(data, 40) # 1) where run_id = $1`, [
    runId,
  ]);
  const ended = await runs.finish(runId);
  expect(ended.failure).toMatchObject({
    code: 'script_diverged',
    message: expect.stringMatching(/is damaged.*cannot begin again: it has made, or may have made, POST \/notify/),
  });
  expect(upstream.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
});

test('a run whose script is another one after its wait begins again from its checkpoint', async () => {
  const { runs, pool } = durable;
  const body = `const begun = (await nango.getCheckpoint())?.page ?? 0;
    await nango.log('BEGUN from ' + begun);
    for (let page = begun; page < 6; page++) {
      const { data } = await nango.get({ endpoint: '/page-' + page, retries: 1 });
      await nango.batchSave(data.rows, 'Task');
      await nango.saveCheckpoint({ page: page + 1 });
    }`;
  const runId = await waitingRun('changed', script(body));
  await runs.deploy({
    name: 'changed-too',
    source: script(body.replace('BEGUN', 'begun again')),
    connection: 'changed',
  });
  await pool.query(
    `update runs r set bundle_hash = s.bundle_hash from scripts s where r.id = $1 and s.name = 'changed-too'`,
    [runId],
  );
  expect(await runs.finish(runId)).toMatchObject({ state: 'success' });
  const { logs, counts } = await runs.inspect(runId);
  expect(logs).toEqual([
    'BEGUN from 0',
    expect.stringMatching(/call 1 \(log\) has other arguments this time\): it begins again from its checkpoint/),
    'begun again from 4',
  ]);
  expect(counts).toEqual({ added: 6, updated: 0, deleted: 0 });
  expect(upstream.requests.filter(({ url }) => url === '/page-1')).toHaveLength(1);
});

test('a flush that fails is not swallowed by the author’s try/catch; a fault of ours is tried again by the next attempt', async () => {
  const { runs, pool } = durable;
  await pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$;
    create trigger refuse before insert on run_logs for each row when (new.message = 'poison') execute function refuse();`);
  const body = `for (let page = 0; page < 200; page++) {
    try {
      const { data } = await nango.get({ endpoint: '/page-' + page });
      await nango.batchSave(data.rows, 'Task');
      if (page === 3) await nango.log('poison');
      await nango.getConnection();
    } catch (error) { await nango.log('swallowed'); }
  }`;
  const runId = await runs.allocate(
    await runs.deploy({ name: 'poisoned', source: script(body), connection: 'poisoned' }),
  );
  await expect(runs.attempt(runId)).rejects.toMatchObject({ code: 'internal' });
  expect(upstream.requests.length).toBeLessThan(200);
  expect((await runs.records('poisoned')).length).toBe(3);
  expect((await runs.inspect(runId)).state).toBe('running');
  await pool.query('drop function refuse cascade');
  expect(await runs.finish(runId)).toMatchObject({ state: 'success' });
  expect(await runs.inspect(runId)).toMatchObject({ counts: { added: 200, updated: 0, deleted: 0 }, logs: ['poison'] });
});

test('ten thousand gets at once are held back: few are under way, memory stays bounded, all are answered', async () => {
  const { runs } = durable;
  const body = 'x'.repeat(20_000);
  let [underway, most, peak] = [0, 0, 0];
  upstream.handleWith(async () => {
    underway += 1;
    [most, peak] = [Math.max(most, underway), Math.max(peak, process.memoryUsage.rss())];
    await new Promise((resolve) => setImmediate(resolve));
    underway -= 1;
    return { body };
  });
  const source = script(`
    const call = async (n: number) => (await nango.get({ endpoint: '/' + n })).data.length;
    const sizes = await Promise.all(Array.from({ length: 10_000 }, (_, n) => call(n)));
    await nango.log(sizes.reduce((sum, size) => sum + size, 0));`);
  const begunWith = process.memoryUsage.rss();
  const ended = await runs.run(await runs.deploy({ name: 'crowd', source, connection: 'crowd' }));
  expect(ended).toMatchObject({ state: 'success' });
  expect(await runs.inspect(ended.runId)).toMatchObject({ logs: [String(10_000 * body.length)], requests: 10_000 });
  expect(most).toBeLessThanOrEqual(64);
  // All of them together are 200 MB, and would be several times that on their way.
  expect((peak - begunWith) / 2 ** 20).toBeLessThan(300);
}, 120_000);
