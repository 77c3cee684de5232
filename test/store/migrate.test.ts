import { expect, test } from '@jest/globals';
import { migrate } from '../../store/migrate.ts';
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
