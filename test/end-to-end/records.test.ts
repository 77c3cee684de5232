/** What scripts do with records, through the whole platform. Ids as U001 name the public reports they answer. */
import { expect, test } from '@jest/globals';
import { call } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, runSync, usePlatform } from '../support/platform.ts';
import { messages, recordScripts, scriptOf, type StoredRecord } from '../support/record-scripts.ts';

const platform = usePlatform();
const { deploy, read, run } = recordScripts(platform);

const fields = (records: readonly StoredRecord[]) => records.map(({ _nango_metadata: _, ...record }) => record);

test('REC U001: NULs and lone surrogates in ids, keys and values cost no record, and one warning tells of them', async () => {
  const rows = String.raw`[{ id: 'a\0b' }, { id: 'deep', in: { 'k\0': ['v\0', '\ud800x'] } }, { id: 'clean', ok: '😀' }]`;
  const { run: ended, records } = await run('nul', `await nango.batchSave(${rows}, 'Task');`);
  expect(ended).toMatchObject({ state: 'success', counts: { Task: { added: 3 } } });
  expect(fields(records)).toEqual([
    { id: 'ab' },
    { id: 'deep', in: { k: ['v', '\ufffdx'] } },
    { id: 'clean', ok: '😀' },
  ]);
  expect(messages(ended)).toEqual([expect.stringMatching(/^warn batchSave of 'Task': NUL characters were removed/)]);
}, 60_000);

test('REC: __proto__ and constructor are keys of a record like any other, saved, merged and read', async () => {
  const { run: ended, records } = await run(
    'prototypes',
    `await nango.batchSave([JSON.parse('{"id":"p","__proto__":{"x":1},"constructor":{"prototype":{"y":2}}}')], 'Task');
     await nango.batchUpdate([JSON.parse('{"id":"p","__proto__":{"z":3}}')], 'Task');
     await nango.batchUpdate([{ id: 'p', other: true }], 'Task');
     const found = (await nango.getRecordsByIds(['p'], 'Task')).get('p');
     await nango.log(JSON.stringify([Object.hasOwn(found, '__proto__'), found.z, ({} as any).x]));`,
  );
  expect(ended).toMatchObject({ state: 'success', counts: { Task: { added: 1, updated: 2 } } });
  expect(messages(ended)).toEqual(['info [true,null,null]']);
  const [record] = fields(records);
  expect(JSON.stringify(record)).toBe(
    '{"id":"p","other":true,"__proto__":{"x":1,"z":3},"constructor":{"prototype":{"y":2}}}',
  );
}, 60_000);

test('a record that Postgres refuses is named with its reason, all others are stored, and the run fails', async () => {
  const { run: ended, records } = await run(
    'refused',
    `const rows = Array.from({ length: 40 }, (_, n) => ({ id: 'r' + n, n }));
     rows[13] = { id: 'r13', n: JSON.rawJSON('1e200000') };
     rows[29] = { id: 'r29', n: JSON.rawJSON('-1e200000') };
     await nango.batchSave(rows, 'Task');
     await nango.batchSave([{ id: 'later' }], 'Task');
     await nango.batchUpdate([{ id: 'later', n: 1 }, { id: 'r1', n: JSON.rawJSON('1e200000') }], 'Task');`,
  );
  expect(ended).toMatchObject({ state: 'failed', error: { code: 'record_invalid' } });
  expect(ended.error?.message).toMatch(
    /^3 records cannot be stored, all others are: 'r1' of 'Task' \(.*overflow.*\), 'r13' of 'Task' \(.*overflow.*\), 'r29'/,
  );
  expect(ended.counts).toMatchObject({ Task: { added: 39, updated: 1 } });
  expect(records).toHaveLength(39);
  expect(fields(records).find(({ id }) => id === 'later')).toEqual({ id: 'later', n: 1 });
}, 60_000);

test('a record too deep for Postgres is named, and an empty batch, null, or a list in place of a record is defined', async () => {
  const { run: ended, records } = await run(
    'deep',
    `const deep = (levels: number) => JSON.rawJSON === undefined ? null : JSON.parse('['.repeat(levels) + ']'.repeat(levels));
     await nango.batchSave([], 'Task');
     await nango.batchSave([{ id: 'flat' }, { id: 'ok', deep: deep(500) }, { id: 'abyss', deep: deep(20000) }], 'Task')
       .catch((error: Error) => nango.log(error.message));
     for (const row of [null, [], 'x', 7]) {
       await nango.batchSave([{ id: 'never' }, row], 'Task').catch((error: Error) => nango.log(error.message));
     }
     await nango.batchSave([{ id: 'last' }], 'Task');`,
  );
  const told = [...messages(ended), ended.error?.message ?? ''].join('\n');
  expect(told).toMatch(/abyss/);
  expect(told).toMatch(/record 2 of 2 of model 'Task' is null/);
  expect(fields(records).map(({ id }) => id)).not.toContain('never');
  expect(fields(records).map(({ id }) => id)).toContain('last');
}, 60_000);

test('REC U012: records of some MB are stored, and one above the limit is refused with size and limit', async () => {
  const { run: ended, records } = await run(
    'large',
    `for (const size of [90e3, 1e6, 5e6]) await nango.batchSave([{ id: String(size), text: 'x'.repeat(size) }], 'Task');
     await nango.batchSave([{ id: 'too-large', text: 'x'.repeat(17e6) }], 'Task');`,
  );
  expect(records.map(({ id, text }) => [id, String(text).length])).toEqual([
    ['90000', 90e3],
    ['1000000', 1e6],
    ['5000000', 5e6],
  ]);
  expect(ended.error?.message).toMatch(/\(id 'too-large'\) has 17\d{6} characters of JSON: at most 16777216/);
}, 60_000);

test('REC U003: of equal ids in a batch the last one is kept and counted once, with a warning', async () => {
  const { run: ended, records } = await run(
    'twice',
    `await nango.batchSave([{ id: 1, v: 'a' }, { id: '1', v: 'b' }], 'Task');`,
  );
  expect(ended.counts).toEqual({ Task: { added: 1, updated: 0, deleted: 0 } });
  expect(fields(records)).toEqual([{ id: '1', v: 'b' }]);
  expect(messages(ended)).toEqual(["warn batchSave of 'Task': id '1' occurs more than once; the last of each is kept"]);
}, 60_000);

test('REC U004: ids are text everywhere: saved, updated, read and deleted by number or by text', async () => {
  const { run: ended, records } = await run(
    'numeric',
    `await nango.batchSave([{ id: '42', n: 1 }, { id: 7, n: 1 }], 'Task');
     await nango.batchUpdate([{ id: 42, n: 2 }], 'Task');
     const found = await nango.getRecordsByIds([42, '7', 'nobody'], 'Task');
     await nango.log(JSON.stringify([...found].map(([key, record]) => [key, record.n, record._nango_metadata.last_action])));
     await nango.batchDelete([{ id: '7' }], 'Task');`,
  );
  expect(ended.counts).toEqual({ Task: { added: 2, updated: 1, deleted: 1 } });
  expect(messages(ended)).toEqual(['info [[42,2,"UPDATED"],["7",1,"ADDED"]]']);
  expect(records.map(({ id, _nango_metadata: { last_action } }) => [id, last_action])).toEqual([
    [42, 'UPDATED'],
    [7, 'DELETED'],
  ]);
}, 60_000);

test('REC U007: the same fetch twice changes nothing, and the cursor of the first finds nothing', async () => {
  const body = `await nango.batchSave(Array.from({ length: 300 }, (_, id) => ({ id, title: 'Task ' + id })), 'Task');`;
  const { sync, records } = await run('again', body);
  const second = await runSync(platform, sync);
  expect(second.counts).toEqual({ Task: { added: 0, updated: 0, deleted: 0 } });
  expect(await read(sync, `&cursor=${records.at(-1)?._nango_metadata.cursor}`)).toEqual([]);
  expect(await read(sync)).toEqual(records);
}, 60_000);

test('REC U008: deleting absent and deleted ids counts nothing', async () => {
  const { run: ended } = await run(
    'removes',
    `await nango.batchSave([{ id: 'there' }, { id: 'gone' }], 'Task');
     await nango.batchDelete([{ id: 'gone' }], 'Task');
     await nango.batchDelete([{ id: 'there' }, { id: 'absent' }, { id: 'gone' }], 'Task');`,
  );
  expect(ended.counts).toEqual({ Task: { added: 2, updated: 0, deleted: 2 } });
}, 60_000);

test('REC U013: getRecordsByIds takes any number of ids, and listRecords goes through everything', async () => {
  const { run: ended } = await run(
    'reads',
    `const ids = Array.from({ length: 2345 }, (_, n) => 'r' + n);
     await nango.batchSave(ids.map((id) => ({ id })), 'Task');
     await nango.log(String((await nango.getRecordsByIds(ids, 'Task')).size));
     const seen = new Set<string>();
     let cursor = '';
     for await (const record of nango.listRecords('Task')) {
       seen.add(record.id);
       if (seen.size === 2000) cursor = record._nango_metadata.cursor;
     }
     let rest = 0;
     for await (const record of nango.listRecords('Task', { cursor })) rest += 1;
     await nango.log(seen.size + ' ' + rest);
     for await (const record of nango.listRecords('Tsk')) await nango.log('never');`,
  );
  expect(messages(ended)).toEqual(['info 2345', 'info 2345 345']);
  expect(ended.error?.message).toMatch(/Model 'Tsk' is not declared by the syncs of this connection/);
}, 60_000);

test('REC U010: two syncs that save the same 500 ids in opposite order 50 times both succeed', async () => {
  const body = (order: string) => `
    for (let round = 0; round < 50; round++) {
      const rows = Array.from({ length: 500 }, (_, id) => ({ id, round }))${order};
      await nango.batchSave(rows, 'Task');
    }`;
  const first = await deploy('order', body(''));
  await deployScripts(platform.caller, 'task-tracker', [{ name: 'reverse', source: scriptOf(body('.toReversed()')) }]);
  const runs = await Promise.all([runSync(platform, first), runSync(platform, { ...first, name: 'reverse' })]);
  expect(runs.map(({ state }) => state)).toEqual(['success', 'success']);
  const records = await read(first);
  // Whichever ends last, its last round is what stays.
  expect(new Set(records.map(({ id }) => id)).size).toBe(500);
  expect(new Set(records.map(({ round }) => round))).toEqual(new Set([49]));
}, 120_000);

test('REC U016: a triggered emptyCache makes everything ADDED again, and a stored cursor goes on', async () => {
  const { sync, records } = await run('emptied', `await nango.batchSave([{ id: 1 }, { id: 2 }], 'Task');`);
  const body = { syncs: [sync.name], provider_config_key: sync.integration, connection_id: sync.connection };
  type Triggered = { runs: { run_id: string }[] };
  const { runs } = await call<Triggered>(platform.caller, 'POST', '/sync/trigger', {
    ...body,
    opts: { emptyCache: true },
  });
  expect((await endedRun(platform, runs[0]?.run_id ?? '')).counts).toEqual({
    Task: { added: 2, updated: 0, deleted: 0 },
  });
  const news = await read(sync, `&cursor=${records.at(-1)?._nango_metadata.cursor}`);
  expect(news.map(({ id, _nango_metadata: { last_action } }) => [id, last_action])).toEqual([
    [1, 'ADDED'],
    [2, 'ADDED'],
  ]);
  expect(await read(sync)).toEqual(news);
}, 60_000);

test('setMergingStrategy must come first, and is told so with the author’s line', async () => {
  const { run: ended } = await run(
    'strategy',
    `await nango.setMergingStrategy({ strategy: 'ignore_if_modified_after' }, 'Task');
     await nango.batchSave([{ id: 1 }], 'Task');
     await nango.setMergingStrategy({ strategy: 'override' }, 'Task');`,
  );
  expect(ended.error).toMatchObject({
    code: 'record_invalid',
    message: expect.stringMatching(
      /setMergingStrategy in sync 'strategy': it must come before anything is fetched or saved/,
    ),
    location: { line: 4 },
  });
}, 60_000);
