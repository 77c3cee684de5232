/**
 * Postgres. One file of typed functions per table; each takes `db` first, so that callers compose transactions.
 * Nothing here logs, decides by its own clock, or knows Temporal, HTTP or scripts.
 */
import pg from 'pg';
import { EngineError } from '../contract/failures.ts';

export type Queryable = Pick<pg.ClientBase, 'query'>;
export type Database = pg.Pool;

/**
 * Opens a pool. `jit=off`: compiling a batch upsert costs many times its run time once the table has been analyzed.
 * An idle connection that breaks is dropped by the pool; `onLost` hears of it.
 */
export function openDatabase(url: string, options: { max: number; onLost: (error: Error) => void }): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max,
    application_name: 'nango-temporal',
    options: '-c jit=off -c timezone=UTC -c datestyle=ISO',
    onConnect: confirmOnlyWhatIsWritten,
  });
  // The pool listens to idle connections only: one that breaks in use, between two statements, would end the process by
  // an error nobody hears. Its next statement fails, which is all its user needs to know.
  pool.on('connect', (client) => client.on('error', () => undefined));
  // A server that stops after us cuts connections that are closing anyway.
  pool.on('error', (error) => {
    if (!pool.ending) options.onLost(error);
  });
  return pool;
}

/**
 * A server with `synchronous_commit = off` shows others what a crash still takes back: a reader's cursor would then stand
 * at a number that is given out a second time. Every other value keeps what it confirms, and is the owner's choice.
 */
async function confirmOnlyWhatIsWritten(client: pg.ClientBase): Promise<void> {
  await client.query(
    `select set_config('synchronous_commit', 'local', false) where current_setting('synchronous_commit') = 'off'`,
  );
}

/** Runs `work` in one transaction; anything thrown rolls it back and is thrown on. */
export async function withTransaction<T>(pool: Database, work: (db: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    // A connection that cannot even roll back is broken: destroy it instead of handing it out again.
    const broken = await client.query('rollback').then(
      () => false,
      () => true,
    );
    client.release(broken);
    throw error;
  }
}

/** Reads as of one transaction; undefined when one of its statements has taken longer than that. */
export async function withinTime<T>(
  pool: Database,
  statementMs: number,
  work: (db: Queryable) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await withTransaction(pool, async (db) => {
      await db.query(`select set_config('statement_timeout', $1::text, true)`, [String(statementMs)]);
      return work(db);
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === QUERY_CANCELED) return undefined;
    throw error;
  }
}

const QUERY_CANCELED = '57014';

/** The only row of a result that must have one. */
export function onlyRow<T>(result: { rows: T[] }, what: string): T {
  const row = result.rows[0];
  if (row === undefined) throw new EngineError('internal', `${what} returned no row`);
  return row;
}

/** The name of the violated constraint when `error` is a unique violation (SQLSTATE 23505). */
export function violatedConstraint(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error) || error.code !== '23505') return undefined;
  return 'constraint' in error && typeof error.constraint === 'string' ? error.constraint : undefined;
}

/** SQLSTATEs and socket codes of a server that is not there, is going, is not ready yet, or lacks disk, memory or room for connections. */
const LOSS = /^(08...|57P0[123]|53...|ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH)$/;
/** The driver gives these no code: they are recognised by their text, which `test/store/db.test.ts` holds it to. */
const LOSS_TEXTS = [/^Connection terminated/, /not queryable$/, /^timeout exceeded when trying to connect$/];

/** Whether a query failed because Postgres cannot be reached, rather than because of what was asked. */
export function isStoreLoss(error: unknown): boolean {
  if (!(typeof error === 'object' && error !== null && 'message' in error)) return false;
  if ('errors' in error && Array.isArray(error.errors)) return error.errors.some(isStoreLoss);
  if ('code' in error && typeof error.code === 'string') return LOSS.test(error.code);
  return LOSS_TEXTS.some((text) => text.test(String(error.message)));
}
