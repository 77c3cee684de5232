import { randomBytes, randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { withTransaction } from '../../store/db.ts';
import { ensureEnvironment } from '../../store/environments.ts';
import { createRecordSeal } from '../../store/record-seal.ts';
import { saveRecords } from '../../store/records.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import { useDatabase } from '../support/database.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
const seal = createRecordSeal(createSecretBox(randomBytes(32).toString('base64')), true);

test('each environment has a view of its records, which shows no other and takes no writes', async () => {
  const db = database.pool;
  for (const name of ['view-dev', 'view-prod']) {
    const writer = await seedRun(db, await seedSync(db, name));
    const save = (id: string, sealed?: typeof seal) =>
      withTransaction(db, (tx) =>
        saveRecords(tx, { ...writer, ids: [id], at: START, ...(sealed && { seal: sealed }) }, [
          JSON.stringify({ id, from: name }),
        ]),
      );
    await save(`${name}-1`);
    await save(`${name}-2`, seal);
  }
  const { rows } = await db.query(`select * from "records_in_view-dev" order by id`);
  expect(rows).toEqual([
    {
      provider_config_key: 'tracker',
      connection_id: 'c1',
      model: 'Task',
      variant: 'base',
      id: 'view-dev-1',
      record: { id: 'view-dev-1', from: 'view-dev' },
      first_seen_at: START,
      last_modified_at: START,
      last_action: 'ADDED',
      deleted_at: null,
      pruned_at: null,
    },
    expect.objectContaining({ id: 'view-dev-2', record: null }),
  ]);
  for (const write of ['delete from', 'update', 'insert into']) {
    const rest = { 'delete from': '', update: ` set id = 'x'`, 'insert into': ` (id) values ('x')` }[write];
    await expect(db.query(`${write} "records_in_view-dev"${rest}`)).rejects.toMatchObject({ code: '55000' });
  }
});

test('a reader who may see one view sees nothing else', async () => {
  const db = database.pool;
  await seedRun(db, await seedSync(db, 'view-shared'));
  const role = `reader_${randomUUID().replaceAll('-', '')}`;
  await db.query(`create role ${role}`);
  try {
    await db.query(`grant select on "records_in_view-shared" to ${role}`);
    await withTransaction(db, async (tx) => {
      await tx.query(`set local role ${role}`);
      expect((await tx.query(`select from "records_in_view-shared"`)).rowCount).toBe(0);
    });
    const peek = withTransaction(db, async (tx) => {
      await tx.query(`set local role ${role}`);
      await tx.query(`select from records`);
    });
    await expect(peek).rejects.toMatchObject({ code: '42501' });
  } finally {
    await db.query(`drop owned by ${role}`);
    await db.query(`drop role ${role}`);
  }
});

test('names that Postgres would cut, and environments that are renamed or removed, are no trouble', async () => {
  const db = database.pool;
  const long = 'e'.repeat(80);
  const [first, second] = [
    await ensureEnvironment(db, `${long}1`, START),
    await ensureEnvironment(db, `${long}2`, START),
  ];
  const views = async () =>
    (
      await db.query(`select viewname as name from pg_views where viewname like 'records_in_environment%' order by 1`)
    ).rows.map(({ name }) => name);
  expect(await views()).toEqual([first, second].map(({ id }) => `records_in_environment_${id}`).toSorted());
  await db.query(`update environments set name = 'view-short' where id = $1`, [first.id]);
  await db.query(`delete from environments where id = $1`, [second.id]);
  expect(await views()).toEqual([]);
  expect((await db.query(`select from "records_in_view-short"`)).rowCount).toBe(0);
});
