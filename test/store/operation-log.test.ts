import { beforeEach, expect, test } from '@jest/globals';
import type { NewOperation } from '../../contract/operation.ts';
import { openDatabase, type Queryable } from '../../store/db.ts';
import { openOperationLog } from '../../store/operation-log.ts';
import { messagesOfOperation } from '../../store/operations.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
const AT = new Date('2026-01-01T00:00:00.000Z');

const operation = (summary: string): NewOperation => ({
  environmentId: '1',
  type: 'proxy',
  operation: 'call',
  status: 'success',
  providerConfigKey: 'tracker',
  connectionId: 'c1',
  summary,
  error: null,
  startedAt: AT,
  endedAt: AT,
  messages: [{ at: AT.toISOString(), level: 'info', message: summary }],
});
const stored = async () => {
  const result = await database.pool.query<{ id: string; summary: string; error: unknown }>(
    'select id, summary, error from operations order by id',
  );
  return result.rows;
};

type Lost = Parameters<Parameters<typeof openOperationLog>[1]>[0];

/** A log whose losses are counted, over the file's database or another one. */
function open(db: Queryable = database.pool) {
  const lost: Lost[] = [];
  return { lost, log: openOperationLog(db, (what) => lost.push(what)) };
}

beforeEach(async () => {
  await database.pool.query('truncate operations');
});

test('what is added is written by itself after a moment, each once', async () => {
  const { log, lost } = open();
  for (const summary of ['one', 'two', 'three']) log.add(operation(summary));
  while ((await stored()).length < 3);
  await log.close();
  expect((await stored()).map(({ summary }) => summary).sort()).toEqual(['one', 'three', 'two']);
  expect((await stored())[0]?.error).toBeNull();
  expect(lost).toEqual([]);
});

test('closing writes what waits, however much it is', async () => {
  const { log, lost } = open();
  for (let n = 0; n < 1_200; n += 1) log.add(operation(`call ${n}`));
  await log.close();
  expect(await stored()).toHaveLength(1_200);
  expect(lost).toEqual([]);
});

test('texts that Postgres cannot hold are written without what it refuses', async () => {
  const { log } = open();
  log.add(operation('a\0b \ud800 c'));
  await log.close();
  const [row] = await stored();
  expect(row?.summary).toBe('ab \ufffd c');
  expect(await messagesOfOperation(database.pool, '1', row?.id ?? '')).toMatchObject([{ message: 'ab \ufffd c' }]);
});

test('past 10 000 that wait the newest are dropped and counted, and nobody is held up', async () => {
  const { log, lost } = open();
  for (let n = 0; n < 10_005; n += 1) log.add(operation('x'));
  await log.close();
  expect(await stored()).toHaveLength(10_000);
  expect(lost).toEqual([{ operations: 5, reason: expect.stringContaining('10000') }]);
});

test('while Postgres is away they wait; what is left at the end is counted', async () => {
  const away = openDatabase('postgres://nobody@127.0.0.1:1/none', { max: 1, onLost: () => undefined });
  const { log, lost } = open(away);
  log.add(operation('kept'));
  await log.close();
  await away.end();
  expect(lost).toEqual([{ operations: 1, reason: 'the process ends' }]);
});

test('a batch that Postgres was away for is written when it is back, once', async () => {
  let failures = 3;
  const flaky = {
    query: async (...asked: Parameters<typeof database.pool.query>) => {
      failures -= 1;
      // The last failure hides a commit.
      if (failures === 0) await database.pool.query(...asked);
      if (failures >= 0) throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
      return database.pool.query(...asked);
    },
  } as unknown as Queryable;
  const { log, lost } = open(flaky);
  log.add(operation('patient'));
  while (failures >= 0) await new Promise((resolve) => setImmediate(resolve));
  await log.close();
  expect((await stored()).map(({ summary }) => summary)).toEqual(['patient']);
  expect(lost).toEqual([]);
});

test('a batch that Postgres refuses for good is given up and counted, and the next one is written', async () => {
  const { log, lost } = open();
  await database.pool.query(`alter table operations add constraint fussy check (summary <> 'bad')`);
  log.add(operation('bad'));
  while (lost.length === 0) await new Promise((resolve) => setImmediate(resolve));
  log.add(operation('good'));
  await log.close();
  await database.pool.query('alter table operations drop constraint fussy');
  expect((await stored()).map(({ summary }) => summary)).toEqual(['good']);
  expect(lost).toEqual([{ operations: 1, reason: expect.stringContaining('fussy') }]);
});
