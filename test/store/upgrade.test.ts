/** A database of the release before, with data in it, brought to the schema of this one. */
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import type { Database } from '../../store/db.ts';
import { findBundle, listScripts, saveBundle } from '../../store/scripts.ts';
import { migrate } from '../../store/migrate.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase({ empty: true });
const sharing = useDatabase({ empty: true });

const MIGRATIONS = new URL('../../store/migrations/', import.meta.url);

async function apply(db: Database, names: readonly string[]): Promise<void> {
  await db.query(`create table migrations (name text primary key, applied_at timestamptz not null default now())`);
  for (const name of names) {
    await db.query(await readFile(new URL(name, MIGRATIONS), 'utf8'));
    await db.query(`insert into migrations (name) values ($1)`, [name]);
  }
}

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
  await apply(db, BEFORE);
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

/** The statement of the release before, whose processes run beside those of this one. */
const OLD_SAVE = `insert into bundles (hash, file, code, source_map, created_at)
  values ($1::text, $2::text, $3::text, $4::text, now()) on conflict (hash) do nothing`;
const OLD_SCRIPT = `insert into scripts (environment_id, integration_id, kind, name, version, bundle_hash, models, track_deletes,
    auto_start, deployed_at)
  select environment_id, id, 'action', $2::text, '1', $1::text, '{}', false, true, now() from integrations
  where unique_key = $3::text`;

test('bundles that environments shared keep their code and lose the map, and the release before deploys on', async () => {
  const db = sharing.pool;
  await apply(db, (await readdir(MIGRATIONS)).filter((name) => name < '0048').sort());
  await db.query(`insert into environments (name, created_at) values ('dev', now()), ('prod', now())`);
  await db.query(
    `insert into integrations (environment_id, unique_key, provider, created_at, updated_at)
     select id, name, 'acme', now(), now() from environments`,
  );
  const map = '{"version":3,"sources":["secret.ts"],"names":[],"mappings":"AAAA"}';
  await db.query(OLD_SAVE, ['shared', 'dev/syncs/a.ts', 'code', map]);
  await db.query(OLD_SAVE, ['own', 'dev/syncs/b.ts', 'more', map]);
  await db.query(OLD_SCRIPT, ['shared', 'a', 'dev']);
  await db.query(OLD_SCRIPT, ['shared', 'a', 'prod']);
  await db.query(OLD_SCRIPT, ['own', 'b', 'dev']);
  await db.query(OLD_SCRIPT, ['own', 'c', 'dev']);
  await migrate(db);
  const bare = '{"version":3,"sources":[],"names":[],"mappings":""}';
  expect(await findBundle(db, 'shared')).toEqual({ hash: 'shared', file: 'script.js', code: 'code', sourceMap: bare });
  expect(await findBundle(db, 'own')).toEqual({ hash: 'own', file: 'dev/syncs/b.ts', code: 'more', sourceMap: map });
  const [now] = await listScripts(db, '2');
  expect(now).toMatchObject({ name: 'a', codeHash: 'shared' });
  const at = new Date();
  const hash = await saveBundle(db, { hash: 'shared', file: 'x.ts', code: 'code', sourceMap: map }, at);
  await db.query(OLD_SAVE, ['later', 'y.ts', 'code of the old release', map]);
  await db.query(OLD_SCRIPT, ['later', 'd', 'prod']);
  expect(await findBundle(db, hash)).toMatchObject({ hash: 'shared', file: 'x.ts', sourceMap: map });
  expect((await listScripts(db, '2')).map(({ codeHash }) => codeHash)).toEqual(['shared', 'later']);
});
