import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { mergeJson } from '../../manifest/record-rules.ts';
import { withTransaction } from '../../store/db.ts';
import { ignoreIfModifiedAfter } from '../../store/merging-strategies.ts';
import { headOf, type Writer } from '../../store/record-heads.ts';
import { pageOfRecords } from '../../store/record-reads.ts';
import { deleteRecords, saveRecords, updateRecords } from '../../store/records.ts';
import { useDatabase } from '../support/database.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
let run: Writer;
let other: Writer;

beforeEach(async () => {
  const sync = await seedSync(database.pool, randomUUID());
  run = { ...(await seedRun(database.pool, sync)), at: START };
  other = { ...(await seedRun(database.pool, sync)), at: START };
});

type Row = { readonly id: string } & Record<string, unknown>;
const texts = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(row));
const idsOf = (rows: readonly Row[]) => rows.map(({ id }) => id);
const save = (rows: readonly Row[], writer = run) =>
  withTransaction(database.pool, (db) => saveRecords(db, { ...writer, ids: idsOf(rows) }, texts(rows)));
const update = (rows: readonly Row[], writer = run) =>
  withTransaction(database.pool, (db) => updateRecords(db, { ...writer, ids: idsOf(rows) }, texts(rows)));
const remove = (ids: readonly string[], writer = run) =>
  withTransaction(database.pool, (db) => deleteRecords(db, { ...writer, ids }));
const protect = () => withTransaction(database.pool, (db) => ignoreIfModifiedAfter(db, run));
const read = async () => {
  const headId = (await headOf(database.pool, run)) ?? '';
  return pageOfRecords(database.pool, { headId, afterSeq: '0', actions: null, ids: null, limit: 1_000, maxBytes: 1e9 });
};
const payloads = async () => (await read()).map((row) => JSON.parse(row.payload));

test('batchUpdate merges objects at any depth and replaces lists and everything else', async () => {
  await save([{ id: 'a', keep: 1, deep: { x: { y: 1, z: 2 }, list: [1, 2] }, gone: 'text' }]);
  const counts = await update([{ id: 'a', deep: { x: { y: 9 }, list: [3] }, gone: null, more: { n: 1 } }]);
  expect(counts).toEqual({ added: 0, updated: 1, deleted: 0 });
  expect(await payloads()).toEqual([
    { id: 'a', keep: 1, deep: { x: { y: 9, z: 2 }, list: [3] }, gone: null, more: { n: 1 } },
  ]);
  expect((await read())[0]?.lastAction).toBe('UPDATED');
});

test('saving what batchUpdate made of a record is no change', async () => {
  await save([{ id: 'a', n: 1, m: 1 }]);
  await update([{ id: 'a', n: 2 }]);
  const before = await read();
  expect(await save([{ m: 1, n: 2, id: 'a' }])).toEqual({ added: 0, updated: 0, deleted: 0 });
  expect(await update([{ id: 'a', n: 2 }])).toEqual({ added: 0, updated: 0, deleted: 0 });
  expect(await read()).toEqual(before);
});

test('batchUpdate leaves out unknown and deleted ids, and takes the last of equal ones', async () => {
  await save([{ id: 'a', n: 1 }, { id: 'b' }]);
  await remove(['b']);
  const counts = await update([
    { id: 'a', n: 2 },
    { id: 'b', n: 2 },
    { id: 'nobody', n: 2 },
    { id: 'a', m: 3 },
  ]);
  expect(counts).toEqual({ added: 0, updated: 1, deleted: 0 });
  expect(await payloads()).toEqual([{ id: 'b' }, { id: 'a', n: 1, m: 3 }]);
});

test('numbers keep every digit through a merge', async () => {
  await withTransaction(database.pool, async (db) => {
    await saveRecords(db, { ...run, ids: ['a'] }, ['{"id":"a","n":12345678901234567890.12}']);
    await updateRecords(db, { ...run, ids: ['a'] }, ['{"id":"a","m":0.1000000000000000000001}']);
  });
  expect((await read())[0]?.payload).toMatch(/0\.1000000000000000000001.*12345678901234567890\.12/);
});

test('a dry run merges as Postgres does', async () => {
  for (let seed = 1; seed < 200; seed += 1) {
    const [target, patch] = [randomJson(seed, 3), randomJson(seed + 1_000, 3)];
    const { rows } = await database.pool.query<{ merged: unknown }>(
      `select merge_json($1::jsonb, $2::jsonb) as merged`,
      [JSON.stringify(target), JSON.stringify(patch)],
    );
    expect(mergeJson(target, patch)).toEqual(rows[0]?.merged);
  }
  expect(Object.keys(mergeJson({ a: 1 }, JSON.parse('{"__proto__":{"x":1}}')) as object)).toEqual(['a', '__proto__']);
});

test('ignore_if_modified_after leaves alone what others changed since, and only that', async () => {
  await save([{ id: 'mine', n: 1 }, { id: 'theirs', n: 1 }, { id: 'removed' }]);
  await protect();
  await save(
    [
      { id: 'theirs', n: 2 },
      { id: 'new-theirs', n: 2 },
    ],
    other,
  );
  await remove(['removed'], other);
  await save([{ id: 'mine', n: 3 }, { id: 'theirs', n: 3 }, { id: 'removed' }, { id: 'new-theirs', n: 3 }]);
  await update([{ id: 'theirs', n: 4 }]);
  await remove(['theirs', 'new-theirs']);
  // What the run wrote itself it may write again.
  await save([{ id: 'mine', n: 5 }]);
  expect(await payloads()).toEqual([
    { id: 'new-theirs', n: 2 },
    { id: 'theirs', n: 2 },
    { id: 'removed' },
    { id: 'mine', n: 5 },
  ]);
});

test('another run of the sync is not bound by the strategy of the first', async () => {
  await protect();
  await save([{ id: 'a', n: 1 }], other);
  await save([{ id: 'a', n: 2 }], other);
  expect(await payloads()).toEqual([{ id: 'a', n: 2 }]);
});

/** A small JSON value that follows from the seed, with keys that often meet. */
function randomJson(seed: number, depth: number): unknown {
  const next = (seed * 48_271) % 2_147_483_647;
  const kind = next % 6;
  if (depth === 0 || kind === 0) return [null, true, 'text', 1.5][next % 4];
  if (kind === 1) return [randomJson(next + 1, depth - 1), next % 10];
  const keys = ['a', 'b', 'c', 'd'].filter((_, at) => (next >> at) & 1);
  return Object.fromEntries(keys.map((key, at) => [key, randomJson(next + at + 7, depth - 1)]));
}
