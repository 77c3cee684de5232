/** Payloads that are sealed at rest: everything about a record is as it is with plain ones. */
import { randomBytes, randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { withTransaction } from '../../store/db.ts';
import { headOf } from '../../store/record-heads.ts';
import { pruneRecords } from '../../store/record-pruning.ts';
import { pageOfRecords } from '../../store/record-reads.ts';
import { createRecordSeal } from '../../store/record-seal.ts';
import { deleteRecords, type RecordWrite, saveRecords, updateRecords } from '../../store/records.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import { useDatabase } from '../support/database.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
const key = randomBytes(32).toString('base64');
const sealed = createRecordSeal(createSecretBox(key), true);
const plain = createRecordSeal(createSecretBox(key), false);
let writer: Omit<RecordWrite, 'ids' | 'at' | 'seal'>;

beforeEach(async () => {
  writer = await seedRun(database.pool, await seedSync(database.pool, randomUUID()));
});

type Rows = readonly (readonly [id: string, text: string])[];
const written =
  (how: typeof saveRecords) =>
  (rows: Rows, seal = sealed) => {
    const write = { ...writer, seal, at: START, ids: rows.map(([id]) => id) };
    return withTransaction(database.pool, (db) =>
      how(
        db,
        write,
        rows.map(([, text]) => text),
      ),
    );
  };
const [save, update] = [written(saveRecords), written(updateRecords)];
const remove = (ids: string[]) =>
  withTransaction(database.pool, (db) => deleteRecords(db, { ...writer, ids, at: START }));
const head = async () => (await headOf(database.pool, writer)) ?? '';
const read = async (open = sealed.open) => {
  const page = { headId: await head(), afterSeq: '0', actions: null, ids: null, limit: 100, maxBytes: 1e9, open };
  return (await pageOfRecords(database.pool, page)).map(({ payload, lastAction }) => [lastAction, JSON.parse(payload)]);
};
const stored = async () =>
  (await database.pool.query(`select r::text as text from records r where head_id = $1`, [await head()])).rows
    .map(({ text }) => text)
    .join();

test('nothing of a sealed payload but its id is in the database, and it reads as it was saved', async () => {
  expect(await save([['a', '{"id":"a","word":"treasure","n":12345678901234567890}']])).toMatchObject({ added: 1 });
  expect(await stored()).not.toMatch(/treasure|12345678901234567890|746561737572/);
  const page = {
    headId: await head(),
    afterSeq: '0',
    actions: null,
    ids: null,
    limit: 1,
    maxBytes: 1,
    open: sealed.open,
  };
  expect((await pageOfRecords(database.pool, page))[0]?.payload).toBe(
    '{"id":"a","word":"treasure","n":12345678901234567890}',
  );
});

test('the same content is no change, in whatever order its keys are, and another one is', async () => {
  await save([
    ['a', '{"id":"a","n":1,"m":2}'],
    ['b', '{"id":"b","n":1}'],
  ]);
  expect(
    await save([
      ['a', '{"id":"a","n":1,"m":2}'],
      ['b', '{"n":1,"id":"b"}'],
    ]),
  ).toMatchObject({ updated: 0 });
  expect(
    await save([
      ['a', '{"id":"a","n":1,"m":3}'],
      ['b', '{"n":1,"id":"b"}'],
    ]),
  ).toMatchObject({ updated: 1 });
  expect(await read()).toEqual([
    ['ADDED', { id: 'b', n: 1 }],
    ['UPDATED', { id: 'a', n: 1, m: 3 }],
  ]);
});

test('parts are merged into what is sealed', async () => {
  await save([['a', '{"id":"a","in":{"x":1,"y":[1,2]},"big":12345678901234567890}']]);
  expect(
    await update([
      ['a', '{"id":"a","in":{"y":[3]}}'],
      ['gone', '{"id":"gone"}'],
    ]),
  ).toMatchObject({ updated: 1 });
  expect(await update([['a', '{"id":"a","in":{"y":[3]}}']])).toMatchObject({ updated: 0 });
  expect(await read()).toEqual([['UPDATED', { id: 'a', in: { x: 1, y: [3] }, big: 12345678901234567000 }]]);
  expect(await stored()).not.toContain('12345678901234567890');
});

test('a deleted record stays readable, and comes back as added', async () => {
  await save([['a', '{"id":"a","n":1}']]);
  expect(await remove(['a'])).toMatchObject({ deleted: 1 });
  expect(await read()).toEqual([['DELETED', { id: 'a', n: 1 }]]);
  expect(await save([['a', '{"id":"a","n":1}']])).toMatchObject({ added: 1, updated: 0 });
  expect(await read()).toEqual([['ADDED', { id: 'a', n: 1 }]]);
});

test('plain and sealed payloads live beside each other when the setting changes, either way', async () => {
  await save(
    [
      ['a', '{"id":"a","n":1}'],
      ['b', '{"id":"b","n":1}'],
    ],
    plain,
  );
  expect(
    await save([
      ['a', '{"id":"a","n":1}'],
      ['b', '{"id":"b","n":2}'],
      ['c', '{"id":"c"}'],
    ]),
  ).toMatchObject({
    added: 1,
    updated: 1,
  });
  expect(
    await save(
      [
        ['a', '{"n":1,"id":"a"}'],
        ['b', '{"id":"b","n":2}'],
        ['c', '{"id":"c","n":1}'],
      ],
      plain,
    ),
  ).toMatchObject({
    added: 0,
    updated: 1,
  });
  expect(await read(plain.open)).toEqual([
    ['ADDED', { id: 'a', n: 1 }],
    ['UPDATED', { id: 'b', n: 2 }],
    ['UPDATED', { id: 'c', n: 1 }],
  ]);
});

test('a pruned record has nothing left of its payload, and the same text again is no change', async () => {
  await save([['a', '{"id":"a","n":1}']]);
  const prune = { headId: await head(), untilSeq: '9', limit: 10, at: START };
  expect(await withTransaction(database.pool, (db) => pruneRecords(db, prune))).toMatchObject({ count: 1 });
  expect(await read()).toEqual([['ADDED', { id: 'a' }]]);
  expect(await save([['a', '{"id":"a","n":1}']])).toMatchObject({ updated: 0 });
  expect(await save([['a', '{"id":"a","n":2}']])).toMatchObject({ updated: 1 });
});

test('a payload opens at its own place only, and a missing key is named', async () => {
  await save([
    ['a', '{"id":"a"}'],
    ['b', '{"id":"b"}'],
  ]);
  const other = createRecordSeal(createSecretBox(randomBytes(32).toString('base64')), true);
  await expect(read(other.open)).rejects.toMatchObject({
    code: 'configuration_invalid',
    message: expect.stringContaining(sealed.keyId),
  });
  await database.pool.query(
    `update records r set sealed = o.sealed from records o where o.head_id = r.head_id and r.id = 'a' and o.id = 'b'`,
  );
  await expect(read()).rejects.toThrow();
});
