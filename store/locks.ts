/** Advisory locks, held to the end of the transaction that took them. */
import { onlyRow, type Queryable } from './db.ts';

/** Whether this transaction may deploy: one deployment per environment at a time, the second is told at once. */
export async function tryLockDeployment(db: Queryable, environmentId: string): Promise<boolean> {
  const result = await db.query<{ locked: boolean }>(
    `select pg_try_advisory_xact_lock(hashtextextended('nango-temporal deployment ' || $1::text, 0)) as locked`,
    [environmentId],
  );
  return onlyRow(result, 'tryLockDeployment').locked;
}

/**
 * Keeps deployments and new connections apart: each adds the syncs the other one makes necessary, so that two of them
 * at once, blind to each other's uncommitted rows, would leave a connection without its sync.
 */
export async function lockDeployedSyncs(db: Queryable, environmentId: string, as: 'reader' | 'writer'): Promise<void> {
  const lock = as === 'reader' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
  await db.query(`select ${lock}(hashtextextended('nango-temporal deployed syncs ' || $1::text, 0))`, [environmentId]);
}

/**
 * Keeps triggers of one sync apart, so that two of them cannot both allocate a run. Not the lock of its row: a run that
 * ends holds its own row and wants that of its sync, and a trigger may want both the other way round.
 */
export async function lockTriggers(db: Queryable, syncId: string): Promise<void> {
  await db.query(`select pg_advisory_xact_lock(hashtextextended('nango-temporal triggers ' || $1::text, 0))`, [syncId]);
}

/** Keeps calls of scripts apart that one run has caused, so that they cannot all find the last place free. */
export async function lockRoot(db: Queryable, rootRun: string): Promise<void> {
  await db.query(`select pg_advisory_xact_lock(hashtextextended('nango-temporal root ' || $1::text, 0))`, [rootRun]);
}

/** Keeps those apart who tell Temporal of syncs, page by page: to make one schedule twice at once costs it three times as much. */
export async function lockDueSyncs(db: Queryable): Promise<void> {
  await db.query(`select pg_advisory_xact_lock(hashtextextended('nango-temporal due syncs', 0))`);
}
