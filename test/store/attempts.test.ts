import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { allocateSyncRun } from '../../store/allocation.ts';
import { connectionById } from '../../store/connections.ts';
import { endAtOnce } from '../../store/end-at-once.ts';
import { type Attempt, beginAttempt, countFlush, suspendRun } from '../../store/runs.ts';
import { useDatabase } from '../support/database.ts';
import { allocating, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
let runId = '';

beforeEach(async () => {
  const sync = await seedSync(database.pool, randomUUID());
  runId = (await allocateSyncRun(database.pool, allocating, sync, 'api')).runId;
});

async function begin(): Promise<Attempt> {
  const attempt = await beginAttempt(database.pool, { runId, workflowRunId: 'w', at: START });
  if (attempt === undefined) throw new Error('The run did not begin');
  return attempt;
}

test('starts that lead nowhere are counted', async () => {
  expect([(await begin()).idleStarts, (await begin()).idleStarts, (await begin()).idleStarts]).toEqual([1, 2, 3]);
});

test('an attempt brings its connection as it is stored, moments and odd texts among it', async () => {
  const { connectionRow } = await begin();
  await database.pool.query(
    `update connections set expires_at = '2026-11-27T00:00:00.123456Z', refresh_at = $2, auth_failed_at = $2,
       last_fetched_at = null, refresh_error = $3, metadata = $4, end_user = '{"id": "u"}', tags = '{"a": "b"}'
     where id = $1`,
    [connectionRow, START, `it's "so" 😀\n`, { big: 12345678901234.5, deep: [{ text: '\u2028\\' }], none: null }],
  );
  const { connection } = await begin();
  expect(connection).toEqual(await connectionById(database.pool, connectionRow));
  expect(connection.refreshAt).toEqual(START);
});

test('an answer that was kept begins the count anew, a flush without one does not', async () => {
  const { fence } = await begin();
  await countFlush(database.pool, { runId, fence, number: 1, requests: 1, runningMs: 5 });
  const second = await begin();
  expect(second.idleStarts).toBe(2);
  await countFlush(database.pool, {
    runId,
    fence: second.fence,
    number: 2,
    requests: 1,
    runningMs: 5,
    chunk: { generation: 0, chunk: 0, data: Buffer.alloc(90) },
  });
  expect((await begin()).idleStarts).toBe(1);
});

test('a run may wait as often as it must', async () => {
  for (let wait = 0; wait < 3; wait += 1) {
    const { fence, idleStarts } = await begin();
    expect(idleStarts).toBe(1);
    await suspendRun(database.pool, { runId, fence, at: START, resumeAt: START, reason: 'told to wait' });
  }
});

test.each([
  ['pause', null, true],
  [null, null, false],
  [null, START, true],
  ['pause', START, true],
  ['cancel', START, false],
])('a run of which %s is asked is suspended until %s: %s', async (control, resumeAt, isSuspended) => {
  const { fence } = await begin();
  await database.pool.query('update runs set control = $2 where id = $1', [runId, control]);
  expect(await suspendRun(database.pool, { runId, fence, at: START, resumeAt, reason: 'told to' })).toBe(isSuspended);
});

test('an attempt scheduled before one that has begun begins no more, one scheduled later does', async () => {
  const beginTask = (second: number) =>
    beginAttempt(database.pool, {
      runId,
      workflowRunId: 'w',
      at: START,
      taskAt: new Date(Date.UTC(2026, 0, 1, 0, 0, second)),
    });
  expect((await beginTask(20))?.fence).toBe(1);
  expect(await beginTask(10)).toBeUndefined();
  expect((await beginTask(30))?.fence).toBe(2);
});

test('an attempt ends at once only where nothing was stored and nobody else has begun', async () => {
  const { fence } = await begin();
  const end = { runId, fence, requests: 2, runningMs: 5, output: '{"a":1}', calls: null, at: START };
  const second = await begin();
  expect(await endAtOnce(database.pool, end)).toBe(false);
  await countFlush(database.pool, { ...end, fence: second.fence, number: 1 });
  expect(await endAtOnce(database.pool, { ...end, fence: second.fence })).toBe(false);
});

test('an end whose answer was lost is found when it is tried again, and counted once', async () => {
  const { fence } = await begin();
  const end = { runId, fence, requests: 2, runningMs: 5, output: '{"a":1}', calls: null, at: START };
  expect(await endAtOnce(database.pool, end)).toBe(true);
  expect(await endAtOnce(database.pool, end)).toBe(true);
  const { rows } = await database.pool.query('select state, output, requests from runs where id = $1', [runId]);
  expect(rows).toEqual([{ state: 'success', output: '{"a":1}', requests: 2 }]);
});
