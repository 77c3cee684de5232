import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { beginAttempt, endRun } from '../../store/runs.ts';
import { acquireLock, releaseLocks } from '../../store/script-locks.ts';
import type { Sync } from '../../store/syncs.ts';
import { useDatabase } from '../support/database.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

type Holder = { readonly runId: string; readonly fence: number };

const database = useDatabase();
const TTL_MS = 1_000;
let sync: Sync;

beforeEach(async () => {
  sync = await seedSync(database.pool, randomUUID());
});

const begin = () => seedRun(database.pool, sync);
const later = (ms: number) => new Date(START.getTime() + ms);
const acquire = ({ runId, fence }: Holder, at = START, key = 'orders') =>
  acquireLock(database.pool, { environmentId: sync.environmentId, key, runId, fence, at, ttlMs: TTL_MS });
const release = ({ runId }: Holder, key: string | null = 'orders') => releaseLocks(database.pool, { runId, key });
const end = ({ runId }: Holder) =>
  endRun(database.pool, { runId, fence: null, state: 'cancelled', failure: null, output: null, at: START });

test('of many runs at once exactly one gets a lock, and the next one when it is given up', async () => {
  const runs = await Promise.all(Array.from({ length: 8 }, begin));
  const answers = await Promise.all(runs.map((run) => acquire(run)));
  const [winner, ...others] = [...runs].sort(
    (a, b) => Number(answers[runs.indexOf(b)]) - Number(answers[runs.indexOf(a)]),
  );
  expect(answers.filter(Boolean)).toHaveLength(1);
  if (winner === undefined || others[0] === undefined) throw new Error('Eight runs were begun');
  expect(await release(others[0])).toBe(false);
  expect([await release(winner), await release(winner)]).toEqual([true, false]);
  expect(await acquire(others[0])).toBe(true);
});

test('environments do not share keys', async () => {
  const one = await begin();
  expect(await acquire(one)).toBe(true);
  sync = await seedSync(database.pool, randomUUID());
  expect(await acquire(await begin())).toBe(true);
});

test('a lock is free when its time is over, to the millisecond, and its run prolongs it', async () => {
  const [holder, other] = [await begin(), await begin()];
  expect(await acquire(holder)).toBe(true);
  expect([await acquire(other, later(TTL_MS - 1)), await acquire(holder, later(TTL_MS - 1))]).toEqual([false, true]);
  expect(await acquire(other, later(TTL_MS))).toBe(false);
  expect(await acquire(other, later(2 * TTL_MS - 1))).toBe(true);
  // Who held it until then can neither have it back nor give it up.
  expect([await acquire(holder, later(2 * TTL_MS)), await release(holder)]).toEqual([false, false]);
  expect(await acquire(holder, later(2 * TTL_MS))).toBe(false);
});

test('all locks of a run are given up together, and when it ends', async () => {
  const [holder, other] = [await begin(), await begin()];
  for (const key of ['orders', 'customers']) await acquire(holder, START, key);
  expect(await release(holder, null)).toBe(true);
  for (const key of ['orders', 'customers']) expect(await acquire(other, START, key)).toBe(true);
  await end(other);
  expect(await acquire(holder)).toBe(true);
});

test('the next attempt of a run holds what the one before took, which takes nothing any more', async () => {
  const [first, other] = [await begin(), await begin()];
  await acquire(first);
  const next = await beginAttempt(database.pool, { runId: first.runId, workflowRunId: 'next', at: START });
  if (next === undefined) throw new Error('The run did not begin again');
  expect([await acquire(other), await acquire(next)]).toEqual([false, true]);
  await expect(acquire(first)).rejects.toMatchObject({ code: 'lease_lost' });
  await expect(acquire(first, START, 'customers')).rejects.toMatchObject({ code: 'lease_lost' });
});

test('a run that has ended takes no lock, which nobody would give up', async () => {
  const [ended, other] = [await begin(), await begin()];
  await end(ended);
  await expect(acquire(ended)).rejects.toMatchObject({ code: 'lease_lost' });
  expect(await acquire(other)).toBe(true);
});
