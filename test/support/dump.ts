/** A dump of a database under writers, and its restore into an empty one, as docs/production.md has them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Database, withTransaction } from '../../store/db.ts';
import { migrate } from '../../store/migrate.ts';
import type { TestDatabase } from './database.ts';
import { findPostgresTools } from './postgres-tools.ts';

const run = promisify(execFile);

/** By `pg_dump` and `pg_restore`; where they are not to be had, by reading the tables as they do. `into` is empty. */
export async function dumpAndRestore(from: TestDatabase, into: TestDatabase): Promise<void> {
  const tools = await findPostgresTools();
  if (tools === undefined) {
    await migrate(into.pool);
    return copyRows(from.pool, into.pool);
  }
  const folder = await mkdtemp(join(tmpdir(), 'nango-test-dump-'));
  const file = join(folder, 'nango.dump');
  await run(join(tools, 'pg_dump'), ['--format=custom', `--file=${file}`, from.url]);
  await run(join(tools, 'pg_restore'), ['--no-owner', '--exit-on-error', `--dbname=${into.url}`, file]);
  await rm(folder, { recursive: true });
}

/** All rows as they stood at one moment, in one repeatable transaction, into the same schema. */
async function copyRows(from: Database, into: Database): Promise<void> {
  const tables = await contentOf(from);
  await withTransaction(into, async (db) => {
    // As pg_restore loads data: constraints held when it was written, and are not in the order of the tables.
    await db.query(`set local session_replication_role = replica`);
    for (const { name, rows } of tables) {
      await db.query(`delete from ${name}`);
      await db.query(
        `insert into ${name} overriding system value select * from jsonb_populate_recordset(null::${name}, $1::jsonb)`,
        [rows],
      );
    }
    await db.query(SEQUENCES);
  });
}

async function contentOf(from: Database): Promise<{ readonly name: string; readonly rows: string }[]> {
  const client = await from.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const { rows: names } = await client.query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c
       where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'`,
    );
    const tables: { readonly name: string; readonly rows: string }[] = [];
    for (const { name } of names) {
      const { rows } = await client.query<{ rows: string }>(
        `select coalesce(jsonb_agg(to_jsonb(t)), '[]')::text as rows from ${name} t`,
      );
      tables.push({ name, rows: rows[0]?.rows ?? '[]' });
    }
    await client.query('commit');
    return tables;
  } finally {
    client.release();
  }
}

/** Identity columns go on above the highest value they hold; a dump keeps where they stood, which is no lower. */
const SEQUENCES = `
do $$
declare col record;
begin
  for col in
    select c.oid::regclass::text as name, a.attname as attribute from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attidentity <> ''
  loop
    execute format('select setval(pg_get_serial_sequence(%L, %L), (select coalesce(max(%I), 0) + 1 from %s), false)',
      col.name, col.attribute, col.attribute, col.name);
  end loop;
end $$`;
