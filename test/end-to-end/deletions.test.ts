/** Deletion by comparison, through the whole platform. Ids as U026 name the public reports they answer. */
import { expect, test } from '@jest/globals';
import { call } from '../../platform/example.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { type DeployedSync, messages, recordScripts, type StoredRecord } from '../support/record-scripts.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const platform = usePlatform();
const upstream = useUpstream();
const { deploy, read, run } = recordScripts(platform);

/** Saves what the upstream has, page by page; a page that fails fails the run. */
const FETCH = () => `
  for (let page = 0; ; page++) {
    const { data } = await nango.get({ endpoint: '/rows/' + page, baseUrlOverride: '${upstream.url}' });
    await nango.batchSave(data.rows, 'Task');
    if (data.last) break;
  }`;

/** The upstream answers these ids, three a page; `failing` names a page that answers 500. */
function serve(ids: readonly string[], failing?: number): void {
  upstream.handleWith(({ url }) => {
    const page = Number(url.split('/').at(-1));
    if (page === failing) return { status: 500, json: {} };
    const rows = ids.slice(3 * page, 3 * page + 3).map((id) => ({ id }));
    return { json: { rows, last: 3 * page + 3 >= ids.length } };
  });
}

const live = (records: readonly StoredRecord[]) =>
  records.filter(({ _nango_metadata: { last_action } }) => last_action !== 'DELETED').map(({ id }) => id);
const liveOf = async (sync: DeployedSync) => live(await read(sync)).toSorted();
const statusOf = async ({ integration, connection, name }: DeployedSync) => {
  const query = `provider_config_key=${integration}&connection_id=${connection}&syncs=${name}`;
  type Status = { syncs: { deletions_held: object; recordCount: object; status: string }[] };
  return (await call<Status>(platform.caller, 'GET', `/sync/status?${query}`)).syncs[0];
};

/** What the application is told of a run; it is written when the run has ended. */
async function webhookOf(runId: string): Promise<unknown> {
  const { body } = await until(`webhook of run ${runId}`, async () => {
    const text = `select body from webhook_deliveries where run_id = $1::text`;
    return (await platform.engine.db.query<{ body: string }>(text, [runId])).rows[0];
  });
  return JSON.parse(body);
}

test('DEL U026: a run that fails on its way deletes nothing; the next good one deletes what is gone, and only that', async () => {
  const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const sync = await deploy('half', FETCH(), { trackDeletes: true });
  serve(all);
  await runSync(platform, sync);
  serve(['a', 'c', 'd', 'e', 'f', 'g', 'h'], 2);
  expect((await runSync(platform, sync)).state).toBe('failed');
  expect(await liveOf(sync)).toEqual(all);
  serve(['a', 'c', 'd', 'e', 'f', 'g', 'h']);
  expect((await runSync(platform, sync)).counts).toEqual({ Task: { added: 0, updated: 0, deleted: 1 } });
  expect((await read(sync)).at(-1)).toMatchObject({ id: 'b', _nango_metadata: { last_action: 'DELETED' } });
}, 60_000);

test('DEL U030: a refresh that brings far too little ends well, holds its deletions, and says so everywhere', async () => {
  const ids = Array.from({ length: 30 }, (_, n) => `r${String(n).padStart(2, '0')}`);
  const sync = await deploy('capped', FETCH(), { trackDeletes: true });
  serve(ids);
  await runSync(platform, sync);
  serve(ids.slice(0, 10));
  await call(platform.caller, 'PATCH', '/environment/webhooks', { primary_url: `${upstream.url}/hook` });
  const held = await runSync(platform, sync);
  expect(await webhookOf(held.id)).toMatchObject({ model: 'Task', success: true, deletionsHeld: 20 });
  await call(platform.caller, 'PATCH', '/environment/webhooks', { primary_url: null });
  expect(held).toMatchObject({ state: 'success', deletions_held: { Task: 20 }, counts: { Task: { deleted: 0 } } });
  expect(messages(held)).toEqual([expect.stringMatching(/^warn Deletions of 'Task' are held: 20 of 30 records/)]);
  expect(await statusOf(sync)).toMatchObject({
    latestExecutionStatus: 'SUCCESS',
    deletions_held: { Task: 20 },
    recordCount: { Task: 30 },
  });
  const confirm = (count: number) =>
    call<unknown>(
      platform.caller,
      'POST',
      '/sync/deletions/confirm',
      {
        provider_config_key: sync.integration,
        connection_id: sync.connection,
        sync_name: sync.name,
        model: 'Task',
        count,
      },
      [409],
    );
  expect(await confirm(19)).toMatchObject({
    error: { code: 'conflict', message: expect.stringMatching(/^20 deletions/) },
  });
  await confirm(20);
  expect((await runSync(platform, sync)).counts).toMatchObject({ Task: { deleted: 20 } });
  expect(await statusOf(sync)).toMatchObject({ deletions_held: {}, recordCount: { Task: 10 } });
}, 60_000);

test('DEL U030: with the guard off they are deleted at once', async () => {
  const sync = await deploy('unguarded', FETCH(), { trackDeletes: true, deletionGuard: 1 });
  serve(Array.from({ length: 30 }, (_, n) => `r${n}`));
  await runSync(platform, sync);
  serve(['r1']);
  expect((await runSync(platform, sync)).counts).toMatchObject({ Task: { deleted: 29 } });
}, 60_000);

test('trackDeletesStart and trackDeletesEnd delete what was not seen in between, and tell its ids', async () => {
  const body = `await nango.trackDeletesStart('Task'); ${FETCH()}
    await nango.log(JSON.stringify(await nango.trackDeletesEnd('Task')));`;
  const sync = await deploy('explicit', body);
  serve(['a', 'b', 'c', 'd', 'e']);
  await runSync(platform, sync);
  serve(['a', 'c', 'e', 'f']);
  const second = await runSync(platform, sync);
  expect(messages(second)).toEqual(['info {"deletedKeys":["b","d"]}']);
  expect(second.counts).toEqual({ Task: { added: 1, updated: 0, deleted: 2 } });
  expect(await liveOf(sync)).toEqual(['a', 'c', 'e', 'f']);
}, 60_000);

test('deleteRecordsFromPreviousExecutions needs no start of its own', async () => {
  const body = `${FETCH()}
    await nango.log(JSON.stringify(await nango.deleteRecordsFromPreviousExecutions('Task')));`;
  const sync = await deploy('previous', body);
  serve(['a', 'b', 'c']);
  await runSync(platform, sync);
  serve(['a', 'b']);
  expect(messages(await runSync(platform, sync))).toEqual(['info {"deletedKeys":["c"]}']);
  expect(await liveOf(sync)).toEqual(['a', 'b']);
}, 60_000);

test('a script that asked for deletions and then fails deletes nothing', async () => {
  const body = `await nango.trackDeletesStart('Task'); ${FETCH()}
    await nango.trackDeletesEnd('Task');
    if (await nango.getCheckpoint()) throw new Error('after the end');
    await nango.saveCheckpoint({ again: true });`;
  const sync = await deploy('late', body);
  serve(['a', 'b', 'c']);
  await runSync(platform, sync);
  serve(['a', 'b']);
  expect((await runSync(platform, sync)).state).toBe('failed');
  expect(await liveOf(sync)).toEqual(['a', 'b', 'c']);
}, 60_000);

test.each([
  [
    'End without Start',
    `await nango.trackDeletesEnd('Task');`,
    /trackDeletesEnd.*trackDeletesStart\('Task'\) is expected/,
  ],
  [
    'Start after a save',
    `await nango.batchSave([{ id: 1 }], 'Task'); await nango.trackDeletesStart('Task');`,
    /trackDeletesStart.*must come before the first save of 'Task'/,
  ],
  [
    'a save after End',
    `await nango.trackDeletesStart('Task'); await nango.trackDeletesEnd('Task'); await nango.batchSave([{ id: 1 }], 'Task');`,
    /batchSave.*nothing of 'Task' can be saved any more, trackDeletesEnd has looked for what is gone/,
  ],
  [
    'a save after deleteRecordsFromPreviousExecutions',
    `await nango.deleteRecordsFromPreviousExecutions('Task'); await nango.batchUpdate([{ id: 1 }], 'Task');`,
    /batchUpdate.*deleteRecordsFromPreviousExecutions has looked/,
  ],
  [
    'End twice',
    `await nango.trackDeletesStart('Task'); await nango.trackDeletesEnd('Task'); await nango.trackDeletesEnd('Task');`,
    /trackDeletesEnd.*one call for 'Task' is expected/,
  ],
  [
    'a call under a name that cannot be foreseen',
    `await nango[['deleteRecordsFrom', 'PreviousExecutions'].join('')]('Task');`,
    /Nothing of 'Task' was tracked in this run: call trackDeletesStart/,
  ],
])(
  'DEL U031: %s fails the run and deletes nothing',
  async (name, body, message) => {
    const id = name.replaceAll(/\W/g, '-');
    const { sync } = await run(id, `await nango.batchSave([{ id: 'there' }], 'Task');`);
    await deploy(id, body);
    expect((await runSync(platform, sync)).error).toMatchObject({
      code: 'record_invalid',
      message: expect.stringMatching(message),
    });
    expect(await liveOf(sync)).toContain('there');
  },
  60_000,
);
