import { expect, test } from '@jest/globals';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const durable = useDurableRuns({ proxy: () => ({ base_url: upstream.url }) });

const script = (body: string) => `export default async function fetchData(nango: any) { ${body} }`;

async function storedCheckpoint(name: string): Promise<unknown> {
  const { rows } = await durable.pool.query<{ value: unknown }>('select value from checkpoints where name = $1', [
    name,
  ]);
  return rows[0]?.value;
}

test('a checkpoint is stored with the records saved before it, or with them not at all', async () => {
  const { runs, pool } = durable;
  await pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$;
    create constraint trigger refuse after update on run_counts deferrable initially deferred
      for each row when (new.added = 4) execute function refuse();`);
  // Refused at the commit, when everything is written. Asking for the connection stores what there is, so that each page is a transaction of its own.
  const body = `for (let page = ((await nango.getCheckpoint())?.page ?? -1) + 1; page < 6; page++) {
    await nango.batchSave([{ id: page }], 'Task');
    try { await nango.saveCheckpoint({ page }); await nango.getConnection(); } catch {}
  }`;
  const runId = await runs.allocate(await runs.deploy({ name: 'together', source: script(body) }));
  await expect(runs.attempt(runId)).rejects.toMatchObject({ code: 'internal' });
  expect((await runs.records()).map(({ id }) => id)).toEqual([0, 1, 2]);
  expect(await storedCheckpoint('together')).toEqual({ page: 2 });
  await pool.query('drop function refuse cascade');
  expect(await runs.finish(runId)).toMatchObject({ state: 'success' });
  expect((await runs.records()).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(await storedCheckpoint('together')).toEqual({ page: 5 });
  expect((await runs.inspect(runId)).counts).toEqual({ added: 6, updated: 0, deleted: 0 });
});

test('a checkpoint outlives a failed run, is read by the next one, and is gone once cleared', async () => {
  const { runs } = durable;
  const body = `const last = await nango.getCheckpoint();
    await nango.log(JSON.stringify(last));
    if (last?.tries === 2) await nango.clearCheckpoint();
    else await nango.saveCheckpoint({ tries: (last?.tries ?? 0) + 1, name: 'é', done: false });
    await nango.log('then ' + JSON.stringify(await nango.getCheckpoint()));
    throw new Error('fails each time');`;
  const sync = await runs.deploy({ name: 'failing', source: script(body), connection: 'failing' });
  const logs: (readonly string[])[] = [];
  for (let run = 0; run < 4; run += 1) {
    const { runId, state } = await runs.run(sync);
    expect(state).toBe('failed');
    logs.push((await runs.inspect(runId)).logs);
  }
  const [one, two] = [1, 2].map((tries) => JSON.stringify({ tries, name: 'é', done: false }));
  expect(logs).toEqual([
    ['null', `then ${one}`],
    [one, `then ${two}`],
    [two, 'then null'],
    ['null', `then ${one}`],
  ]);
});

test('a run that goes on after a wait sees the checkpoint it began with, not the one it has saved since', async () => {
  upstream.answerWith({ status: 429, headers: { 'retry-after': '3600' } });
  const { runs } = durable;
  const body = `const begun = await nango.getCheckpoint();
    await nango.saveCheckpoint({ page: 1 });
    await nango.get({ endpoint: '/x', retries: 1 });
    await nango.log(JSON.stringify([begun, await nango.getCheckpoint()]));`;
  const ended = await runs.run(await runs.deploy({ name: 'waiting', source: script(body), connection: 'waiting' }));
  expect(ended).toMatchObject({ state: 'success', waits: [expect.anything()] });
  expect(await runs.inspect(ended.runId)).toMatchObject({ generation: 0, logs: ['[null,{"page":1}]'] });
});

test('checkpoints of two syncs of a connection, and of one sync in two connections, are apart', async () => {
  const { runs } = durable;
  const source = script(
    'await nango.log(JSON.stringify(await nango.getCheckpoint())); await nango.saveCheckpoint({ at: 1 });',
  );
  const syncs = [
    await runs.deploy({ name: 'apart', source, connection: 'one' }),
    await runs.deploy({ name: 'apart-too', source, connection: 'one' }),
    await runs.deploy({ name: 'apart', source, connection: 'two' }),
  ];
  for (const sync of syncs) {
    const { runId } = await runs.run(sync);
    expect((await runs.inspect(runId)).logs).toEqual(['null']);
  }
});
