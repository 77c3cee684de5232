import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from '@jest/globals';
import { type Database, openDatabase } from '../../store/db.ts';
import { TEMPLATE } from './postgres.ts';
import { until } from './until.ts';

export type TestDatabase = {
  /** Known from `beforeAll` on. */
  readonly pool: Database;
  readonly url: string;
  /** Another pool on the same database, as another process would have; the test ends it. */
  readonly open: (max?: number) => Database;
};

/**
 * A real Postgres database of the test file's own, with the current schema (`empty`: with none). Dropped after its last
 * test.
 */
export function useDatabase(options: { readonly empty?: boolean } = {}): TestDatabase {
  const server = serverUrl();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const url = `${server}/${name}`;
  let pool: Database | undefined;
  const open = (max = 10) => openDatabase(url, { max, onLost: () => {} });
  beforeAll(async () => {
    await administrate(server, `create database ${name} template ${options.empty ? 'template0' : TEMPLATE}`);
    pool = open();
  });
  afterAll(async () => {
    await pool?.end();
    await administrate(server, `drop database if exists ${name} with (force)`);
  });
  return {
    url,
    open,
    get pool() {
      if (pool === undefined) throw new Error('The database is there from beforeAll on');
      return pool;
    },
  };
}

/** Resolves once that many queries of the database wait for a lock. */
export async function untilWaiting(pool: Database, queries: number): Promise<void> {
  await until(`moment at which ${queries} queries wait for a lock`, async () => {
    const waiting = await pool.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return waiting.rowCount === queries;
  });
}

async function administrate(server: string, statement: string): Promise<void> {
  const admin = openDatabase(`${server}/postgres`, { max: 1, onLost: () => {} });
  try {
    await admin.query(statement);
  } finally {
    await admin.end();
  }
}

function serverUrl(): string {
  const url = process.env['NANGO_TEST_POSTGRES'];
  if (url === undefined) throw new Error('NANGO_TEST_POSTGRES is not set: start the tests with npm test');
  return url;
}
