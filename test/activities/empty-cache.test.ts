import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { emptyCacheOf } from '../../activities/empty-cache.ts';
import { allocateSyncRun } from '../../store/allocation.ts';
import { withTransaction } from '../../store/db.ts';
import { askForEmptyCache } from '../../store/empty-cache.ts';
import { headOf, recordCounts } from '../../store/record-heads.ts';
import { pageOfRecords } from '../../store/record-reads.ts';
import { deleteRecords, saveRecords } from '../../store/records.ts';
import { type Attempt, beginAttempt } from '../../store/runs.ts';
import type { Sync } from '../../store/syncs.ts';
import { useDatabase } from '../support/database.ts';
import { allocating, seedSecondSync, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
const never = new AbortController().signal;
let sync: Sync;

beforeEach(async () => {
  sync = await seedSync(database.pool, randomUUID());
});

const parts = () => ({ db: database.pool, clock: () => START });

async function begin(of = sync, empties = false): Promise<Attempt> {
  const { runId } = await allocateSyncRun(database.pool, allocating, of, 'api');
  if (empties) await askForEmptyCache(database.pool, runId);
  return again(runId);
}

async function again(runId: string): Promise<Attempt> {
  const run = await beginAttempt(database.pool, { runId, workflowRunId: `w-${runId}`, at: START });
  if (run === undefined) throw new Error('The run did not begin');
  return run;
}

const save = (run: Attempt, ids: readonly string[], variant = 'base') =>
  withTransaction(database.pool, (db) =>
    saveRecords(
      db,
      { ...run, variant, model: 'Task', ids, at: START },
      ids.map((id) => JSON.stringify({ id })),
    ),
  );
const remove = (run: Attempt, ids: readonly string[]) =>
  withTransaction(database.pool, (db) => deleteRecords(db, { ...run, model: 'Task', ids, at: START }));
const read = async (afterSeq = '0') => {
  const headId = await headOf(database.pool, { connectionRow: sync.connectionRow, model: 'Task', variant: 'base' });
  const page = { headId: headId ?? '', afterSeq, actions: null, ids: null, limit: 10_000, maxBytes: 1e9 };
  return pageOfRecords(database.pool, page);
};
const idsOf = async () => (await read()).map(({ payload }) => JSON.parse(payload).id).toSorted();
const counts = async () =>
  (await recordCounts(database.pool, [sync.connectionRow])).map(({ variant, live }) => [variant, live]);

test('an emptied cache makes everything ADDED, and a reader goes on with its cursor', async () => {
  const first = await begin();
  await save(first, ['a', 'b', 'c']);
  await remove(first, ['c']);
  const cursor = (await read()).at(-1)?.seq;
  const second = await begin(sync, true);
  expect(await emptyCacheOf(parts(), second, never)).toBe(true);
  expect([await idsOf(), await counts()]).toEqual([[], [['base', 0]]]);
  expect(await save(second, ['a', 'c'])).toMatchObject({ added: 2 });
  expect((await read(cursor)).map(({ lastAction }) => lastAction)).toEqual(['ADDED', 'ADDED']);
});

test('a later attempt of the run keeps what an earlier one saved', async () => {
  await save(await begin(), ['old']);
  const first = await begin(sync, true);
  await emptyCacheOf(parts(), first, never);
  await save(first, ['new']);
  const second = await again(first.runId);
  await emptyCacheOf(parts(), second, never);
  expect(await idsOf()).toEqual(['new']);
});

test('it can be broken off and gone on with', async () => {
  const ids = Array.from({ length: 5_000 }, (_, n) => `r${n}`);
  await save(await begin(), ids);
  const run = await begin(sync, true);
  expect(await emptyCacheOf(parts(), run, AbortSignal.abort())).toBe(false);
  const left = (await read()).length;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(5_000);
  expect(await counts()).toEqual([['base', left]]);
  expect(await emptyCacheOf(parts(), await again(run.runId), never)).toBe(true);
  expect([await idsOf(), await counts()]).toEqual([[], [['base', 0]]]);
});

test('REC U016: the other variant and what another sync claims stay', async () => {
  const other = await seedSecondSync(database.pool, sync);
  const run = await begin();
  await save(run, ['mine', 'both']);
  await save(run, ['mine', 'both'], 'eu');
  await save(await begin(other), ['theirs', 'both']);
  await emptyCacheOf(parts(), await begin(sync, true), never);
  expect(await idsOf()).toEqual(['both', 'theirs']);
  expect(await counts()).toEqual([
    ['base', 2],
    ['eu', 2],
  ]);
  await emptyCacheOf(parts(), await begin(other, true), never);
  expect(await idsOf()).toEqual([]);
});

test('REC U016: what the second sync of a model brings is claimed by it alone', async () => {
  const other = await seedSecondSync(database.pool, sync);
  await save(await begin(), ['mine', 'both']);
  await save(await begin(other), ['theirs', 'both']);
  await emptyCacheOf(parts(), await begin(other, true), never);
  expect(await idsOf()).toEqual(['both', 'mine']);
});

test('a sync that saved nothing empties nothing', async () => {
  await save(await begin(), ['a']);
  await emptyCacheOf(parts(), await begin(await seedSecondSync(database.pool, sync), true), never);
  expect(await idsOf()).toEqual(['a']);
});

test('a run that was not asked to empty anything does not', async () => {
  await save(await begin(), ['a']);
  await emptyCacheOf(parts(), await begin(), never);
  expect(await idsOf()).toEqual(['a']);
});
