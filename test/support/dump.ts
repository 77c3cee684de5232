/**
 * What a dump is: all rows as they stood at one moment, brought into an empty database of the same schema. The embedded
 * Postgres comes without `pg_dump`, so this reads the tables as it does, in one repeatable transaction under writers.
 */
import { type Database, withTransaction } from '../../store/db.ts';

/** Copies the content of one database into another that has the schema and nothing else. */
export async function dumpAndRestore(from: Database, into: Database): Promise<void> {
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
