/** Retention: off unless asked for; what is pruned and removed, and what stays. */
import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { createSweepRecords } from '../../activities/sweep-records.ts';
import { withTransaction } from '../../store/db.ts';
import { headOf, recordCounts } from '../../store/record-heads.ts';
import { pageOfRecords } from '../../store/record-reads.ts';
import { KEEP_RECORDS, type RecordRetention } from '../../store/record-retention.ts';
import { deleteRecords, saveRecords } from '../../store/records.ts';
import type { Sync } from '../../store/syncs.ts';
import { useDatabase } from '../support/database.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
const DAY_MS = 86_400_000;
const day = (n: number): Date => new Date(START.getTime() + n * DAY_MS);
let sync: Sync;
let writer: Awaited<ReturnType<typeof seedRun>>;

beforeEach(async () => {
  sync = await seedSync(database.pool, randomUUID());
  writer = await seedRun(database.pool, sync);
});

const save = (ids: readonly string[], at: Date, variant = 'base') =>
  withTransaction(database.pool, (db) =>
    saveRecords(
      db,
      { ...writer, variant, ids, at },
      ids.map((id) => JSON.stringify({ id, word: 'treasure' })),
    ),
  );
const read = async (variant = 'base') => {
  const headId = (await headOf(database.pool, { ...writer, variant })) ?? '0';
  const page = { headId, afterSeq: '0', actions: null, ids: null, limit: 10_000, maxBytes: 1e9 };
  return pageOfRecords(database.pool, page);
};
const payloads = async () => (await read()).map(({ payload }) => JSON.parse(payload));

async function sweep(at: Date, kept: Partial<RecordRetention>): Promise<number> {
  const recordsKept = { ...KEEP_RECORDS, ...kept };
  const activity = createSweepRecords({ db: database.pool, clock: () => at, recordsKept, log: () => undefined });
  let calls = 0;
  for (let afterId: string | null = '0'; afterId !== null; calls += 1)
    ({ nextAfterId: afterId } = await activity({ afterId }));
  return calls;
}

test('nothing is pruned or removed unless a deployment asks for it', async () => {
  await save(['a'], START);
  await database.pool.query(`delete from syncs where id = $1`, [sync.id]);
  expect(await sweep(day(36_500), {})).toBe(1);
  expect(await payloads()).toEqual([{ id: 'a', word: 'treasure' }]);
});

test('payloads go after so many days without change; id, times, counts and cursors stay', async () => {
  await save(['old', 'older'], START);
  await withTransaction(database.pool, (db) => deleteRecords(db, { ...writer, ids: ['older'], at: day(1) }));
  await save(['new'], day(5));
  const before = await read();
  await sweep(day(30), { pruneAfterDays: 27 });
  expect(await payloads()).toEqual([{ id: 'old' }, { id: 'older' }, { id: 'new', word: 'treasure' }]);
  const kept = ({ payload: _, prunedAt: __, ...row }: (typeof before)[number]) => row;
  expect((await read()).map(kept)).toEqual(before.map(kept));
  expect((await recordCounts(database.pool, [sync.connectionRow]))[0]?.live).toBe(2);
  // The same content once more is no change; another day later the rest is due.
  expect(await save(['old'], day(30))).toMatchObject({ added: 0, updated: 0 });
  await sweep(day(33), { pruneAfterDays: 27 });
  expect(await payloads()).toEqual([{ id: 'old' }, { id: 'older' }, { id: 'new' }]);
});

test('records go that no sync saves any more, in short transactions, and a reader finds their successors', async () => {
  const ids = Array.from({ length: 2_500 }, (_, n) => `r${n}`);
  await save(ids, START);
  await save(['other'], START, 'eu');
  const cursor = (await read()).at(-1)?.seq ?? '';
  await sweep(day(60), { removeAfterDays: 59 });
  expect((await read()).length).toBe(2_500);
  // Of the variant no sync is left.
  expect(await read('eu')).toEqual([]);
  await database.pool.query(`delete from syncs where id = $1`, [sync.id]);
  await sweep(day(59), { removeAfterDays: 59 });
  expect((await read()).length).toBe(2_500);
  await sweep(day(60), { removeAfterDays: 59 });
  expect(await read()).toEqual([]);
  const counts = await recordCounts(database.pool, [sync.connectionRow]);
  expect(counts.map(({ live }) => live)).toEqual([0, 0]);
  // Its run goes on after all: numbers go on too.
  await save(['again'], day(61));
  expect(BigInt((await read())[0]?.seq ?? 0)).toBeGreaterThan(BigInt(cursor));
});
