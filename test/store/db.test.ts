import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { isStoreLoss, openDatabase, withTransaction, withinTime } from '../../store/db.ts';
import { useDatabase } from '../support/database.ts';
import { freePort } from '../../platform/ports.ts';

const database = useDatabase();

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('a transaction that throws leaves nothing behind and gives its connection back', async () => {
  const pool = database.open(1);
  const failed = withTransaction(pool, async (db) => {
    await db.query('create table left_behind (id int)');
    throw new Error('no');
  });
  await expect(failed).rejects.toThrow('no');
  expect((await pool.query(`select to_regclass('left_behind') as found`)).rows).toEqual([{ found: null }]);
  await pool.end();
});

test('a server that is not there is a loss of the store', async () => {
  const pool = openDatabase(`postgres://x:x@127.0.0.1:${await freePort()}/x`, { max: 1, onLost: () => {} });
  expect(isStoreLoss(await failureOf(pool.query('select 1')))).toBe(true);
  await pool.end();
});

test('a backend killed in the middle of a query or between two is a loss of the store', async () => {
  const pool = database.open(1);
  const client = await pool.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const interrupted = failureOf(client.query('select pg_sleep(60)'));
  await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
  expect(isStoreLoss(await interrupted)).toBe(true);
  expect(isStoreLoss(await failureOf(client.query('select 1')))).toBe(true);
  client.release(true);
  await pool.end();
});

test('a backend killed between two statements fails the transaction that lost it, not the process', async () => {
  const pool = database.open(1);
  const cut = withTransaction(pool, async (db) => {
    const { rows } = await db.query<{ pid: number }>('select pg_backend_pid() as pid');
    // Not `once` of node:events, which would listen to errors too.
    const gone = new Promise((resolve) => (db as pg.PoolClient).once('end', () => resolve(undefined)));
    await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await gone;
    await db.query('select 1');
  });
  expect(isStoreLoss(await failureOf(cut))).toBe(true);
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await pool.end();
});

test('a wrong statement and a broken rule are no loss of the store', async () => {
  expect(isStoreLoss(await failureOf(database.pool.query('select nonsense')))).toBe(false);
  expect(isStoreLoss(await failureOf(database.pool.query('insert into environments (name) values (null)')))).toBe(
    false,
  );
  expect(isStoreLoss(new Error('other'))).toBe(false);
  expect(isStoreLoss(undefined)).toBe(false);
});

test('a read that takes too long is given up, and its connection is as before', async () => {
  const db = database.open(1);
  expect(await withinTime(db, 50, (tx) => tx.query('select pg_sleep(30)'))).toBeUndefined();
  expect((await withinTime(db, 10_000, (tx) => tx.query('select 1 as one')))?.rows).toEqual([{ one: 1 }]);
  expect((await db.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
});
