import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { migrate } from '../../store/migrate.ts';
import { openDatabase } from '../../store/db.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase({ empty: true });

test('many processes migrating at once run each migration once, and a later one runs none', async () => {
  const pools = Array.from({ length: 6 }, () => database.open(1));
  const applied = await Promise.all(pools.map(migrate));
  await Promise.all(pools.map((pool) => pool.end()));
  const recorded = await database.pool.query<{ name: string }>('select name from migrations order by name');
  expect(recorded.rows.length).toBeGreaterThan(0);
  expect(applied.flat().sort()).toEqual(recorded.rows.map((row) => row.name));
  expect(await migrate(database.pool)).toEqual([]);
});

test('the schema has the partitions of records and the trigger that remembers schedules', async () => {
  const partitions = await database.pool.query(`select from pg_inherits where inhparent = 'records'::regclass`);
  const triggers = await database.pool.query(
    `select tgname from pg_trigger where tgrelid = 'syncs'::regclass and not tgisinternal`,
  );
  expect(partitions.rowCount).toBe(16);
  expect(triggers.rows).toEqual([{ tgname: 'syncs_removed' }]);
});

test('U103: an owner that is no superuser migrates a database of its own, twice', async () => {
  const name = `owned_${randomUUID().replaceAll('-', '')}`;
  await database.pool.query(`create role ${name} login password '${name}' nosuperuser nocreatedb nocreaterole`);
  await database.pool.query(`create database ${name} owner ${name} template template0`);
  const url = new URL(database.url);
  url.pathname = name;
  url.username = name;
  url.password = name;
  const own = openDatabase(url.href, { max: 1, onLost: () => undefined });
  try {
    expect((await own.query('select current_user as who')).rows).toEqual([{ who: name }]);
    expect((await migrate(own)).length).toBeGreaterThan(0);
    expect(await migrate(own)).toEqual([]);
    const { rows } = await own.query(
      `select count(*)::int as foreign from pg_tables where schemaname = 'public' and tableowner <> current_user`,
    );
    expect(rows).toEqual([{ foreign: 0 }]);
  } finally {
    await own.end();
    await database.pool.query(`drop database ${name}`);
    await database.pool.query(`drop role ${name}`);
  }
});
