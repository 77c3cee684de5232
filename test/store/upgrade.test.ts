/** A database of the release before, with data in it, brought to the schema of this one. */
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { migrate } from '../../store/migrate.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase({ empty: true });

/** What was there before records got heads with numbers of their own. */
const BEFORE = [
  '0001-init',
  '0002-control',
  '0003-journal-keeping',
  '0005-generations',
  '0007-connections-alive',
  '0008-action-calls',
  '0009-webhooks',
  '0012-idle-starts',
  '0015-divergences',
].map((name) => `${name}.sql`);

test('U103: records, counts and cursors of the release before are kept, and its environments get their views', async () => {
  const db = database.pool;
  await db.query(`create table migrations (name text primary key, applied_at timestamptz not null default now())`);
  for (const name of BEFORE) {
    await db.query(await readFile(new URL(`../../store/migrations/${name}`, import.meta.url), 'utf8'));
    await db.query(`insert into migrations (name) values ($1)`, [name]);
  }
  await db.query(`insert into environments (name, created_at) values ('dev', now())`);
  await db.query(
    `insert into integrations (environment_id, unique_key, provider, created_at, updated_at)
     values (1, 'tracker', 'acme', now(), now())`,
  );
  await db.query(
    `insert into connections (environment_id, integration_id, connection_id, credentials, connection_config, metadata,
       created_at, updated_at)
     values (1, 1, 'c1', 'v1:none', '{}', '{}', now(), now())`,
  );
  await db.query(
    `insert into record_heads (connection_id, model, variant, seq, last_modified_at) values (1, 'Task', 'base', 7, now())`,
  );
  await db.query(`insert into record_counts (connection_id, model, variant, live) values (1, 'Task', 'base', 1)`);
  await db.query(
    `insert into records (connection_id, model, variant, id, seq, payload, hash, last_action, first_seen_at,
       last_modified_at)
     select 1, 'Task', 'base', id, seq, jsonb_build_object('id', id), '', action, now(), now()
     from (values ('a', 3, 'ADDED'), ('b', 7, 'DELETED')) as x (id, seq, action)`,
  );
  await db.query(`update records set deleted_at = now() where id = 'b'`);
  await migrate(db);
  expect(await migrate(db)).toEqual([]);
  const { rows } = await db.query(
    `select r.id, r.seq::int, r.last_action, r.payload, h.live::int, h.seq::int as last
     from records r join record_heads h on h.id = r.head_id order by r.seq`,
  );
  expect(rows).toEqual([
    { id: 'a', seq: 3, last_action: 'ADDED', payload: { id: 'a' }, live: 1, last: 7 },
    { id: 'b', seq: 7, last_action: 'DELETED', payload: { id: 'b' }, live: 1, last: 7 },
  ]);
  expect((await db.query(`select id from records_in_dev where deleted_at is null`)).rows).toEqual([{ id: 'a' }]);
});
