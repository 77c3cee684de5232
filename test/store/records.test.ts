import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { withTransaction } from '../../store/db.ts';
import { headOf, recordCounts } from '../../store/record-heads.ts';
import { isoTime, pageOfRecords, type RecordPage, seqAtTime } from '../../store/record-reads.ts';
import { deleteRecords, type RecordWrite, saveRecords } from '../../store/records.ts';
import { countsOfRun } from '../../store/run-views.ts';
import { beginAttempt } from '../../store/runs.ts';
import type { Sync } from '../../store/syncs.ts';
import { useDatabase } from '../support/database.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
const seconds = (count: number) => new Date(START.getTime() + count * 1000);
let sync: Sync;
let run: Omit<RecordWrite, 'ids' | 'at'>;

beforeEach(async () => {
  sync = await seedSync(database.pool, randomUUID());
  run = await seedRun(database.pool, sync);
});

type Row = { readonly id: string } & Record<string, unknown>;

const saveText = (ids: readonly string[], rows: readonly string[], at = START, write = run) =>
  withTransaction(database.pool, (db) => saveRecords(db, { ...write, ids, at }, rows));
const save = (rows: readonly Row[], at = START, write = run) =>
  saveText(
    rows.map((row) => row.id),
    rows.map((row) => JSON.stringify(row)),
    at,
    write,
  );
const remove = (ids: readonly string[], at = START, write = run) =>
  withTransaction(database.pool, (db) => deleteRecords(db, { ...write, ids, at }));
const scope = (changes: { model?: string; variant?: string } = {}) => ({
  connectionRow: sync.connectionRow,
  model: 'Task',
  variant: 'base',
  ...changes,
});
const read = async ({ model = 'Task', variant = 'base', ...page }: Partial<RecordPage & typeof run> = {}) => {
  const headId = await headOf(database.pool, scope({ model, variant }));
  if (headId === undefined) return [];
  const all = { headId, afterSeq: '0', actions: null, ids: null, limit: 10_000, maxBytes: 2 ** 40, ...page };
  return (await pageOfRecords(database.pool, all)).map((row) => ({
    ...row,
    firstSeenAt: isoTime(row.firstSeenAt),
    lastModifiedAt: isoTime(row.lastModifiedAt),
    deletedAt: row.deletedAt === null ? null : isoTime(row.deletedAt),
  }));
};
const idsOf = (rows: Awaited<ReturnType<typeof read>>) => rows.map((row) => JSON.parse(row.payload).id);

test('a new id is added: both times are those of the write', async () => {
  expect(await save([{ id: 'a', title: 'one' }])).toEqual({ added: 1, updated: 0, deleted: 0 });
  const [row] = await read();
  expect(row).toMatchObject({
    lastAction: 'ADDED',
    firstSeenAt: '2026-01-01T00:00:00.000000+00:00',
    lastModifiedAt: '2026-01-01T00:00:00.000000+00:00',
    deletedAt: null,
    prunedAt: null,
  });
  expect(JSON.parse(row?.payload ?? '')).toEqual({ id: 'a', title: 'one' });
});

test('an unchanged row keeps its times and its place', async () => {
  await save([{ id: 'a', title: 'one' }]);
  const before = await read();
  expect(await save([{ id: 'a', title: 'one' }], seconds(5))).toEqual({ added: 0, updated: 0, deleted: 0 });
  expect(await read()).toEqual(before);
});

test.each([
  ['keys in another order', '{"b":{"y":2,"x":1},"id":"a"}', '{"id":"a","b":{"x":1,"y":2}}', 0],
  ['another spelling of the same text', '{"id":"a","t":"\\u00e9"}', '{"id":"a","t":"é"}', 0],
  ['other white space', '{"id":"a","n":1}', '{ "id" : "a", "n" : 1 }', 0],
  ['a key that became null', '{"id":"a"}', '{"id":"a","n":null}', 1],
  ['a number that became text', '{"id":"a","n":1}', '{"id":"a","n":"1"}', 1],
  ['another order in a list', '{"id":"a","n":[1,2]}', '{"id":"a","n":[2,1]}', 1],
])('%s: the row counts as updated %#', async (_, first, second, updated) => {
  await saveText(['a'], [first]);
  const counts = await saveText(['a'], [second], seconds(1));
  expect(counts.updated).toBe(updated);
});

test('another text of the same content is no change, is remembered, and a later change is still seen', async () => {
  await saveText(['a'], ['{"id":"a","n":1,"m":2}']);
  const before = await read();
  for (const text of ['{"m":2,"n":1,"id":"a"}', '{"m":2,"n":1,"id":"a"}', '{"id":"a","n":1,"m":2}']) {
    expect(await saveText(['a'], [text], seconds(1))).toEqual({ added: 0, updated: 0, deleted: 0 });
  }
  expect(await read()).toEqual(before);
  expect(await saveText(['a'], ['{"m":2,"n":2,"id":"a"}'], seconds(2))).toMatchObject({ updated: 1 });
  expect(await saveText(['a'], ['{"id":"a","n":1,"m":2}'], seconds(3))).toMatchObject({ updated: 1 });
});

test('a changed row is updated, keeps its first time and moves behind all others', async () => {
  await save([{ id: 'a', n: 1 }, { id: 'b' }]);
  expect(await save([{ id: 'a', n: 2 }], seconds(5))).toEqual({ added: 0, updated: 1, deleted: 0 });
  const rows = await read();
  expect(idsOf(rows)).toEqual(['b', 'a']);
  expect(rows[1]).toMatchObject({
    lastAction: 'UPDATED',
    firstSeenAt: '2026-01-01T00:00:00.000000+00:00',
    lastModifiedAt: '2026-01-01T00:00:05.000000+00:00',
  });
});

test('a deleted row stays readable with its payload and its time of deletion', async () => {
  await save([{ id: 'a', title: 'kept' }]);
  expect(await remove(['a'], seconds(3))).toEqual({ added: 0, updated: 0, deleted: 1 });
  const [row] = await read();
  expect(JSON.parse(row?.payload ?? '')).toEqual({ id: 'a', title: 'kept' });
  expect(row).toMatchObject({
    lastAction: 'DELETED',
    deletedAt: '2026-01-01T00:00:03.000000+00:00',
    lastModifiedAt: '2026-01-01T00:00:03.000000+00:00',
  });
});

test('deleting an unknown id or a deleted one changes and counts nothing', async () => {
  await save([{ id: 'a' }]);
  await remove(['a'], seconds(1));
  const before = await read();
  expect(await remove(['a', 'nobody'], seconds(2))).toEqual({ added: 0, updated: 0, deleted: 0 });
  expect(await read()).toEqual(before);
});

test('a deleted row that comes back is added again with its first time kept', async () => {
  await save([{ id: 'a' }]);
  await remove(['a'], seconds(1));
  expect(await save([{ id: 'a' }], seconds(2))).toEqual({ added: 1, updated: 0, deleted: 0 });
  expect(await read()).toEqual([
    expect.objectContaining({
      lastAction: 'ADDED',
      deletedAt: null,
      firstSeenAt: '2026-01-01T00:00:00.000000+00:00',
      lastModifiedAt: '2026-01-01T00:00:02.000000+00:00',
    }),
  ]);
});

test('the last of equal ids in a batch wins and counts once', async () => {
  expect(await save([{ id: 'a', n: 1 }, { id: 'b' }, { id: 'a', n: 2 }])).toEqual({ added: 2, updated: 0, deleted: 0 });
  const rows = await read();
  expect(rows.map((row) => JSON.parse(row.payload))).toEqual([{ id: 'b' }, { id: 'a', n: 2 }]);
  expect(await remove(['a', 'a'])).toMatchObject({ deleted: 1 });
});

test('an empty batch changes nothing and still checks the fence', async () => {
  expect(await save([])).toEqual({ added: 0, updated: 0, deleted: 0 });
  await expect(save([], START, { ...run, fence: run.fence - 1 })).rejects.toMatchObject({ code: 'lease_lost' });
});

test('numbers keep every digit they were written with', async () => {
  await saveText(['a'], ['{"id":"a","n":12345678901234567890.123}']);
  expect((await read())[0]?.payload).toContain('12345678901234567890.123');
});

test('a clock that stands still or goes back never makes a later change look earlier', async () => {
  await save([{ id: 'a' }], seconds(10));
  await save([{ id: 'b' }], seconds(10));
  await save([{ id: 'c' }], seconds(1));
  const times = (await read()).map((row) => row.lastModifiedAt);
  expect(times).toEqual([
    '2026-01-01T00:00:10.000000+00:00',
    '2026-01-01T00:00:10.000001+00:00',
    '2026-01-01T00:00:10.000002+00:00',
  ]);
});

test('an attempt that lost its fence writes nothing, neither saving nor deleting', async () => {
  await save([{ id: 'a', n: 1 }]);
  const before = await read();
  await beginAttempt(database.pool, { runId: run.runId, workflowRunId: 'w-later', at: seconds(1) });
  await expect(save([{ id: 'a', n: 2 }, { id: 'b' }], seconds(2))).rejects.toMatchObject({ code: 'lease_lost' });
  await expect(remove(['a'], seconds(2))).rejects.toMatchObject({ code: 'lease_lost' });
  expect(await read()).toEqual(before);
  expect(await countsOfRun(database.pool, run.runId)).toEqual({ Task: { added: 1, updated: 0, deleted: 0 } });
});

test('a run that has ended writes nothing', async () => {
  await database.pool.query(`update runs set state = 'cancelled' where id = $1`, [run.runId]);
  await expect(save([{ id: 'a' }])).rejects.toMatchObject({ code: 'lease_lost' });
  expect(await read()).toEqual([]);
});

test('counts of the run add up over its batches and models', async () => {
  await save([{ id: 'a' }, { id: 'b' }]);
  await save([{ id: 'a', n: 1 }, { id: 'c' }]);
  await remove(['b']);
  await save([{ id: 'x' }], START, { ...run, model: 'User' });
  expect(await countsOfRun(database.pool, run.runId)).toEqual({
    Task: { added: 3, updated: 1, deleted: 1 },
    User: { added: 1, updated: 0, deleted: 0 },
  });
});

test('live counts equal count(*) after any mix of writes', async () => {
  for (let round = 0; round < 30; round += 1) {
    const ids = Array.from({ length: 12 }, (_, index) => `r${(round * 7 + index * 5) % 40}`);
    if (round % 3 === 2) await remove(ids, seconds(round));
    else
      await save(
        ids.map((id) => ({ id, n: round % 4 })),
        seconds(round),
      );
    const counted = await database.pool.query<{ live: number }>(
      'select count(*)::int as live from records where head_id = $1 and deleted_at is null',
      [await headOf(database.pool, scope())],
    );
    const [count] = await recordCounts(database.pool, [sync.connectionRow]);
    expect(count?.live).toBe(counted.rows[0]?.live);
  }
});

test('models and variants are apart', async () => {
  await save([{ id: 'a' }]);
  await save([{ id: 'a', n: 2 }], START, { ...run, model: 'User' });
  await save([{ id: 'a', n: 3 }], START, { ...run, variant: 'eu' });
  expect((await read({ model: 'User' })).map((row) => JSON.parse(row.payload))).toEqual([{ id: 'a', n: 2 }]);
  expect((await read({ variant: 'eu' })).map((row) => JSON.parse(row.payload))).toEqual([{ id: 'a', n: 3 }]);
  expect((await read()).map((row) => JSON.parse(row.payload))).toEqual([{ id: 'a' }]);
  expect(await headOf(database.pool, scope({ model: 'Nothing' }))).toBeUndefined();
});

test('pages of any size deliver every row once, also rows of one instant', async () => {
  const rows = Array.from({ length: 53 }, (_, index) => ({ id: `r${String(index).padStart(3, '0')}` }));
  await save(rows);
  for (const limit of [1, 7, 52, 53, 54]) {
    const seen: string[] = [];
    for (let afterSeq = '0'; ; ) {
      const page = await read({ afterSeq, limit });
      seen.push(...idsOf(page));
      const last = page.at(-1);
      if (last === undefined) break;
      afterSeq = last.seq;
    }
    expect(seen).toEqual(rows.map((row) => row.id));
  }
});

test('every combination of filters gives the rows with these actions', async () => {
  await save([{ id: 'added' }, { id: 'updated' }, { id: 'deleted' }]);
  await save([{ id: 'updated', n: 1 }], seconds(1));
  await remove(['deleted'], seconds(2));
  const names = ['ADDED', 'UPDATED', 'DELETED'] as const;
  for (let mask = 1; mask < 8; mask += 1) {
    const actions = names.filter((_, bit) => (mask >> bit) & 1);
    expect(idsOf(await read({ actions }))).toEqual(actions.map((action) => action.toLowerCase()));
  }
});

test('ids pick rows', async () => {
  await save([{ id: 'a' }, { id: 'b' }]);
  expect(idsOf(await read({ ids: ['b', 'zzz'] }))).toEqual(['b']);
});

test('any time leads to the last row that was not modified after it, to the microsecond', async () => {
  for (let batch = 0; batch < 9; batch += 1)
    await save([{ id: `a${batch}` }, { id: `b${batch}`, batch }], seconds(batch));
  // Rows that changed leave holes in the numbers behind them.
  await save(
    [
      { id: 'b3', n: 1 },
      { id: 'a8', n: 1 },
    ],
    seconds(9),
  );
  const rows = await read();
  const headId = (await headOf(database.pool, scope())) ?? '';
  const times = rows.map((row) => row.lastModifiedAt);
  for (const time of [...times, '2025-12-31T23:59:59.999999Z', '2026-01-01T00:00:04.5Z', '2027-01-01T00:00:00Z']) {
    const after = await read({ afterSeq: await seqAtTime(database.pool, headId, time) });
    const expected = rows.filter((row) => Date.parse(row.lastModifiedAt) > Date.parse(time));
    expect(idsOf(after)).toEqual(idsOf(expected));
  }
  await save([{ id: 'later' }], seconds(9));
  expect(
    idsOf(await read({ afterSeq: await seqAtTime(database.pool, headId, '2026-01-01T00:00:09.000000Z') })),
  ).toEqual(['later']);
});

test('a reader with a cursor misses no row of two writers whose transactions overlap', async () => {
  const other = await seedRun(database.pool, sync);
  const batches = 25;
  const write = async (name: string, writer: typeof run) => {
    for (let batch = 0; batch < batches; batch += 1) {
      await withTransaction(database.pool, async (db) => {
        const rows = [{ id: `${name}-${batch}-0` }, { id: `${name}-${batch}-1` }];
        const texts = rows.map((row) => JSON.stringify(row));
        await saveRecords(db, { ...writer, ids: rows.map((row) => row.id), at: START }, texts);
        // The numbers are given out and not yet committed: without the head's lock the other writer would overtake.
        await db.query('select pg_sleep(0.001)');
      });
    }
  };
  let writing = true;
  const seen: string[] = [];
  const poll = async () => {
    for (let afterSeq = '0', last = false; ; ) {
      const page = await read({ afterSeq });
      seen.push(...idsOf(page));
      afterSeq = page.at(-1)?.seq ?? afterSeq;
      if (last && page.length === 0) return;
      last = !writing;
    }
  };
  const reader = poll();
  await Promise.all([write('a', run), write('b', other)]);
  writing = false;
  await reader;
  expect(seen).toHaveLength(4 * batches);
  expect(new Set(seen).size).toBe(4 * batches);
});

test('two first writers of a new model come to one sequence', async () => {
  const other = await seedRun(database.pool, sync);
  await Promise.all([
    save([{ id: 'a' }], START, { ...run, model: 'Fresh' }),
    save([{ id: 'b' }], START, { ...other, model: 'Fresh' }),
  ]);
  expect((await read({ model: 'Fresh' })).map((row) => row.seq)).toEqual(['1', '2']);
});
