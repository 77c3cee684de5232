/** Retention of runs and deliveries: off unless asked for, and never what something still asks about. */
import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { createSweepLogs } from '../../activities/sweep-logs.ts';
import { removeRuns } from '../../store/run-retention.ts';
import { allocateSyncRun } from '../../store/allocation.ts';
import { addLogLines } from '../../store/run-logs.ts';
import { endRun } from '../../store/runs.ts';
import type { Sync } from '../../store/syncs.ts';
import { addDelivery, addReplay, noteAttempt } from '../../store/webhook-deliveries.ts';
import { useDatabase } from '../support/database.ts';
import { allocating, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
const day = (n: number): Date => new Date(START.getTime() + n * 86_400_000);
let sync: Sync;

beforeEach(async () => {
  sync = await seedSync(database.pool, randomUUID());
});

/** A run of the sync that was made and, unless it is open, ended on that day. */
async function run(n: number, state: 'success' | 'skipped' | 'open' = 'success'): Promise<string> {
  const at = day(n);
  const { runId } = await allocateSyncRun(database.pool, { ...allocating, clock: () => at }, sync, 'api');
  await addLogLines(database.pool, runId, [{ seq: 1, at, level: 'info', message: 'hello' }]);
  if (state !== 'open') {
    await endRun(database.pool, { runId, fence: null, state: 'success', failure: null, output: null, at });
    await database.pool.query('update runs set state = $2::text where id = $1::text', [runId, state]);
  }
  return runId;
}

async function deliver(runId: string, n: number): Promise<string> {
  const { environmentId, connectionRow } = sync;
  const what = { runId, subject: 'Task', type: 'sync', url: 'https://a.test', body: '{}', sequence: '1' };
  return (await addDelivery(database.pool, { environmentId, connectionRow, ...what, at: day(n) })) ?? '';
}

const ended = (id: string, n: number) =>
  noteAttempt(database.pool, {
    ...{ id, state: 'delivered', status: 200, error: null, at: day(n), nextAttemptAt: null, tookMs: 1 },
  });

const sweep = (n: number, runDays: number) =>
  createSweepLogs({ db: database.pool, clock: () => day(n), logDays: 1_000, runDays, log: () => undefined })();

async function left(table: 'runs' | 'webhook_deliveries'): Promise<string[]> {
  const sql = `select id from ${table} where environment_id = $1::bigint order by created_at, id`;
  return (await database.pool.query<{ id: string }>(sql, [sync.environmentId])).rows.map(({ id }) => id);
}

test('runs go with their lines after the days of the setting, not before, and never without it', async () => {
  const [old, young, last] = [await run(0), await run(2), await run(3)];
  await sweep(1_000 / 2, 0);
  await sweep(5, 5);
  expect(await left('runs')).toEqual([old, young, last]);
  expect(await sweep(6, 5)).toEqual({ nextAfterId: null });
  expect(await left('runs')).toEqual([young, last]);
  const lines = await database.pool.query('select from run_logs where run_id = $1::text', [old]);
  expect(lines.rowCount).toBe(0);
});

test('the last run of a sync stays, and the last that was not skipped; open ones as well', async () => {
  const [, told, skipped] = [await run(0), await run(1), await run(2, 'skipped')];
  await sweep(100, 5);
  expect(await left('runs')).toEqual([told, skipped]);
  const open = await run(3, 'open');
  await run(4);
  const last = await run(5);
  await sweep(102, 5);
  expect(await left('runs')).toEqual([open, last]);
});

test('a run that an idempotency key answers with stays until the key has expired', async () => {
  const [held] = [await run(0), await run(1)];
  await database.pool.query(
    `insert into action_keys (connection_id, action, key, input_hash, run_id, expires_at)
     values ($1::bigint, 'echo', 'k', '\\x00', $2::text, $3::timestamptz)`,
    [sync.connectionRow, held, day(50)],
  );
  await sweep(49, 5);
  expect(await left('runs')).toContain(held);
  await sweep(51, 5);
  expect(await left('runs')).not.toContain(held);
});

test('deliveries go once they have ended; one under way keeps its run, and a replay what it repeats', async () => {
  const [first] = [await run(0), await run(1)];
  const delivery = await deliver(first, 0);
  await sweep(100, 5);
  expect([await left('webhook_deliveries'), (await left('runs')).includes(first)]).toEqual([[delivery], true]);
  await ended(delivery, 1);
  const replay = await addReplay(database.pool, delivery, day(90));
  await sweep(100, 5);
  expect(await left('webhook_deliveries')).toEqual([delivery, replay]);
  await ended(replay, 99);
  await sweep(102, 5);
  expect(await left('webhook_deliveries')).toEqual([replay]);
  await sweep(106, 5);
  expect(await left('runs')).not.toContain(first);
});

test('runs that stay are looked at once a day, and go when they may', async () => {
  // Those of other tests were looked at on later days.
  const first = await run(0);
  await run(1, 'skipped');
  const look = (n: number) => removeRuns(database.pool, { before: day(n), now: day(n + 5), limit: 1_000 });
  await look(200);
  expect(await look(200)).toEqual({ looked: 0, removed: 0 });
  expect(await look(200.9)).toEqual({ looked: 0, removed: 0 });
  await run(2);
  expect(await left('runs')).toContain(first);
  expect((await look(201.1)).removed).toBe(2);
  expect(await left('runs')).not.toContain(first);
});
