import { readdir, readFile } from 'node:fs/promises';
import { type Database, type Queryable, withTransaction } from './db.ts';

const MIGRATIONS = new URL('./migrations/', import.meta.url);

/**
 * Brings the database to the newest schema and returns the names of the migrations it ran, oldest first.
 * Safe to call from many processes at once: each migration is one transaction under one advisory lock.
 */
export async function migrate(db: Database): Promise<string[]> {
  const names = await namesOfMigrations();
  const applied: string[] = [];
  for (const name of names) if (await applyMigration(db, name)) applied.push(name);
  return applied;
}

/** The migrations of this release that the database has not had, oldest first. */
export async function missingMigrations(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(`select name from migrations`);
  const applied = new Set(rows.map(({ name }) => name));
  return (await namesOfMigrations()).filter((name) => !applied.has(name));
}

async function namesOfMigrations(): Promise<string[]> {
  return (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
}

async function applyMigration(pool: Database, name: string): Promise<boolean> {
  const text = await readFile(new URL(name, MIGRATIONS), 'utf8');
  return withTransaction(pool, async (db) => {
    await db.query(`select pg_advisory_xact_lock(hashtext('nango-temporal migrate'))`);
    await db.query(
      `create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())`,
    );
    // Insert the version row first: a second migrator then finds it, and a failing file takes it back.
    const inserted = await db.query(
      `insert into migrations (name) values ($1::text) on conflict (name) do nothing returning name`,
      [name],
    );
    if (inserted.rows.length === 0) return false;
    await db.query(text);
    return true;
  });
}
