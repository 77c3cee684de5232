import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { allocateSyncRun } from '../../store/allocation.ts';
import { type Queryable, withTransaction } from '../../store/db.ts';
import { fixLastSyncDate, leaseHolder, releaseLease, takeLease } from '../../store/lease.ts';
import { beginAttempt, endRun } from '../../store/runs.ts';
import { type Sync, syncById } from '../../store/syncs.ts';
import { untilWaiting, useDatabase } from '../support/database.ts';
import { allocating, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
let sync: Sync;

beforeEach(async () => {
  sync = await seedSync(database.pool, randomUUID());
});

const allocate = async () => (await allocateSyncRun(database.pool, allocating, sync, 'api')).runId;
const take = (runId: string, instead: string | null = null) =>
  takeLease(database.pool, { syncId: sync.id, runId, instead });
const end = (runId: string) =>
  endRun(database.pool, { runId, fence: null, state: 'failed', failure: null, output: null, at: START });

test('a free sync is taken, and taking it again is no change', async () => {
  const run = await allocate();
  expect(await take(run)).toBeUndefined();
  expect(await take(run)).toBeUndefined();
  expect(await leaseHolder(database.pool, sync.id)).toMatchObject({ runId: run });
});

test('a held sync answers its holder', async () => {
  const [first, second] = [await allocate(), await allocate()];
  await take(first);
  expect(await take(second)).toMatchObject({ runId: first, workflowId: expect.stringContaining('sync:') });
  expect(await leaseHolder(database.pool, sync.id)).toMatchObject({ runId: first });
});

test('a holder that has ended, or that the caller names, gives way', async () => {
  const [first, second, third] = [await allocate(), await allocate(), await allocate()];
  await take(first);
  await end(first);
  expect(await take(second)).toBeUndefined();
  expect(await take(third, second)).toBeUndefined();
  expect(await leaseHolder(database.pool, sync.id)).toMatchObject({ runId: third });
});

test('of many takers at once exactly one gets the sync', async () => {
  const runs = await Promise.all(Array.from({ length: 8 }, allocate));
  const answers = await Promise.all(runs.map((run) => take(run)));
  const winners = runs.filter((_, index) => answers[index] === undefined);
  expect(winners).toHaveLength(1);
  expect(new Set(answers.flatMap((answer) => answer?.runId ?? []))).toEqual(new Set(winners));
});

test('a run allocated by the transaction that another taker waits for keeps its lease', async () => {
  const waiting = await allocate();
  const holder = await withTransaction(database.pool, async (db) => {
    const { runId } = await allocateSyncRun(db, allocating, sync, 'schedule');
    await takeLease(db, { syncId: sync.id, runId, instead: null });
    // The other one begins while this transaction is open, and blocks on the row of the sync.
    const blocked = take(waiting);
    await untilWaiting(database.pool, 1);
    return { runId, blocked };
  });
  expect(await holder.blocked).toMatchObject({ runId: holder.runId });
});

test('a holder that gives the sync free between two looks leaves it to be taken', async () => {
  const [first, second] = [await allocate(), await allocate()];
  await take(first);
  let looks = 0;
  const db: Queryable = {
    query: (async (...query: Parameters<Queryable['query']>) => {
      looks += 1;
      if (looks === 2) await releaseLease(database.pool, { syncId: sync.id, runId: first, lastSyncDate: null });
      return database.pool.query(...query);
    }) as Queryable['query'],
  };
  expect(await takeLease(db, { syncId: sync.id, runId: second, instead: null })).toBeUndefined();
  expect(await leaseHolder(database.pool, sync.id)).toMatchObject({ runId: second });
});

test('a lease is released by its holder only, and a success leaves its start as the next lastSyncDate', async () => {
  const [first, second] = [await allocate(), await allocate()];
  await take(first);
  await releaseLease(database.pool, { syncId: sync.id, runId: second, lastSyncDate: START });
  expect(await leaseHolder(database.pool, sync.id)).toMatchObject({ runId: first });
  await releaseLease(database.pool, { syncId: sync.id, runId: first, lastSyncDate: START });
  expect(await leaseHolder(database.pool, sync.id)).toBeUndefined();
  expect((await syncById(database.pool, sync.id))?.lastSyncDate).toEqual(START);
});

test('a run sees the lastSyncDate of its first attempt, whatever happens later', async () => {
  const run = await allocate();
  await database.pool.query('update syncs set last_sync_date = $2 where id = $1', [sync.id, START]);
  await fixLastSyncDate(database.pool, run);
  await beginAttempt(database.pool, { runId: run, workflowRunId: 'w1', at: START });
  await database.pool.query('update syncs set last_sync_date = null where id = $1', [sync.id]);
  await fixLastSyncDate(database.pool, run);
  const again = await beginAttempt(database.pool, { runId: run, workflowRunId: 'w1', at: START });
  expect(again).toMatchObject({ lastSyncDate: START, fence: 2 });
});

test('a sync that is gone cannot be taken', async () => {
  const run = await allocate();
  await database.pool.query('delete from syncs where id = $1', [sync.id]);
  await expect(take(run)).rejects.toMatchObject({ code: 'unknown_sync' });
});

test('allocating twice for one workflow gives one run', async () => {
  const workflow = { workflowId: `scheduled-${sync.id}`, workflowRunId: 'w1' };
  const first = await allocateSyncRun(database.pool, allocating, sync, 'schedule', workflow);
  const second = await allocateSyncRun(database.pool, allocating, sync, 'schedule', workflow);
  expect(second).toEqual(first);
});
