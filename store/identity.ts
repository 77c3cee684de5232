/**
 * Which copy of the data this is. A dump that was restored, or a standby that took over, may be older than what readers
 * have seen: going on with its numbers would give some of them out a second time, and a reader's cursor would skip what
 * they name. So numbers on another copy go on from a new epoch, above all that were ever given out.
 */
import { type Database, type Queryable, withTransaction } from './db.ts';

/** Numbers below it count within an epoch: eight years of a thousand changes a second. */
export const EPOCH_BITS = 38;
/** Minutes from 1970 to 2026. */
const FIRST_MINUTE = 29_453_760;

/** Looks whether this is the copy the numbers were given out on, and begins a new epoch when it is not. */
export async function settleIdentity(db: Database): Promise<void> {
  if (await isKnown(db)) return;
  await withTransaction(db, async (tx) => {
    if (await noteCopy(tx)) await raiseNumbers(tx);
  });
}

/**
 * Begins a new epoch whether or not this copy is known: a disk put back to an earlier snapshot holds older data and is the
 * same server, timeline and database all the same, which nothing inside of it can tell.
 */
export async function beginEpoch(db: Database): Promise<void> {
  await withTransaction(db, async (tx) => {
    await noteCopy(tx);
    await raiseNumbers(tx);
  });
}

/** Notes which copy this is. True when the data were another one's until now. */
async function noteCopy(db: Queryable): Promise<boolean> {
  await db.query(`select pg_advisory_xact_lock(hashtext('nango-temporal identity'))`);
  if (await isKnown(db)) return false;
  const others = await db.query<{ epoch: string }>(`delete from store_identity returning epoch::text`);
  const epoch = others.rows[0]?.epoch ?? '0';
  await db.query(`insert into store_identity (identity, epoch) values (${IDENTITY}, $1::bigint)`, [epoch]);
  return others.rowCount !== 0;
}

/** The epoch grows with the time: copies that are restored from one dump, one after the other, begin different ones. */
async function raiseNumbers(db: Queryable): Promise<void> {
  await db.query(
    `update store_identity
     set epoch = greatest(epoch + 1, (select max(seq >> $1::int) + 1 from record_heads),
       floor(extract(epoch from now()) / 60)::bigint - $2::bigint)`,
    [EPOCH_BITS, FIRST_MINUTE],
  );
  await db.query(`update record_heads set seq = (select epoch from store_identity) << $1::int`, [EPOCH_BITS]);
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
