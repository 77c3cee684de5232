/**
 * Which copy of the data this is. A dump that was restored, or a standby that took over, may be older than what readers
 * have seen: going on with its numbers would give some of them out a second time, and a reader's cursor would skip what
 * they name. So numbers on another copy go on from a new epoch, above all that were ever given out.
 */
import { type Database, type Queryable, withTransaction } from './db.ts';

/** Numbers below it count within an epoch: more than records are changed in ten thousand years of a thousand a second. */
const EPOCH_BITS = 48;

/** Looks whether this is the copy the numbers were given out on, and begins a new epoch when it is not. */
export async function settleIdentity(db: Database): Promise<void> {
  if (await isKnown(db)) return;
  await withTransaction(db, async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtext('nango-temporal identity'))`);
    if (await isKnown(tx)) return;
    const replaced = await tx.query(`delete from store_identity`);
    await tx.query(`insert into store_identity (identity) values (${IDENTITY})`);
    if (replaced.rowCount !== 0) await raiseNumbers(tx);
  });
}

/**
 * Begins a new epoch whether or not this copy is known: a disk put back to an earlier snapshot holds older data and is the
 * same server, timeline and database all the same, which nothing inside of it can tell.
 */
export async function beginEpoch(db: Database): Promise<void> {
  await withTransaction(db, async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtext('nango-temporal identity'))`);
    await raiseNumbers(tx);
  });
}

async function raiseNumbers(db: Queryable): Promise<void> {
  await db.query(`update record_heads set seq = ((seq >> $1::int) + 1) << $1::int`, [EPOCH_BITS]);
}

// Server, timeline (another one after a standby took over or a restore to a point in time), database, and table: each
// way to come to older data changes at least one of them, except for a snapshot of its disk (`beginEpoch`).
const IDENTITY = `(select concat_ws(':', (pg_control_system()).system_identifier,
  left(pg_walfile_name(pg_current_wal_lsn()), 8),
  (select oid from pg_database where datname = current_database()), 'store_identity'::regclass::oid))`;

async function isKnown(db: Queryable): Promise<boolean> {
  const result = await db.query(`select from store_identity where identity = ${IDENTITY}`);
  return result.rowCount === 1;
}
