/**
 * The head of each (connection, model, variant): its counter, its count of live records and who writes it. Whoever
 * changes records holds the head's row lock to the end of the transaction, so that the order of numbers is the order of
 * commits and a cursor reader cannot skip a row.
 */
import { EngineError } from '../contract/failures.ts';
import type { RecordCounts } from '../contract/host.ts';
import type { Queryable } from './db.ts';
import { EPOCH_BITS } from './identity.ts';
import type { RecordSeal } from './record-seal.ts';

export type RecordScope = { readonly connectionRow: string; readonly model: string; readonly variant: string };

/** Who writes: an attempt of a run, which may write only while it holds the run's fence. */
export type Writer = RecordScope & {
  readonly runId: string;
  readonly fence: number;
  readonly syncId: string | null;
  readonly at: Date;
  /** Without it payloads are stored plain, and sealed ones cannot be looked into. */
  readonly seal?: RecordSeal;
};

/** A head under its lock. Numbers are texts: they outgrow what JavaScript counts exactly. */
export type Head = {
  readonly id: string;
  readonly seq: string;
  /** When what is written now was changed: a microsecond after the last change, or later. */
  readonly at: string;
  readonly generation: string;
  readonly writerId: string | null;
  readonly isShared: boolean;
  /** The writing sync looks for deletions, so what it sees must be remembered. */
  readonly isTracked: boolean;
  /** The writing run has promised to leave alone what others change meanwhile. */
  readonly keepsNewer: boolean;
};

/**
 * Locks the head of a scope, creating it for the first writer, and checks the writer's fence. Call it first in a
 * transaction; statements after it see everything that was committed before the lock was had.
 * @throws EngineError `lease_lost` when another attempt holds the run, or the connection is gone.
 */
export async function lockHead(db: Queryable, writer: Writer): Promise<Head> {
  const found = (await tryLock(db, writer)) ?? ((await createHead(db, writer)) ? await tryLock(db, writer) : undefined);
  if (found === undefined) {
    throw new EngineError('lease_lost', 'Another attempt of this run has taken over; this one writes no more');
  }
  return found;
}

async function tryLock(db: Queryable, writer: Writer): Promise<Head | undefined> {
  const result = await db.query<Head>({
    name: 'lock-head',
    text: `select h.id::text, h.seq::text, h.generation::text, h.writer_id::text as "writerId", h.is_shared as "isShared",
        greatest(h.last_modified_at + interval '1 microsecond', $6::timestamptz)::text as at,
        exists (select from record_trackings t where t.head_id = h.id and t.sync_id = $7::bigint) as "isTracked",
        exists (select from merging_strategies s where s.run_id = r.id and s.head_id = h.id) as "keepsNewer"
      from record_heads h, runs r
      where h.connection_id = $1::bigint and h.model = $2::text and h.variant = $3::text
        and r.id = $4::text and r.fence = $5::int and r.state = 'running'
      for no key update of h
      for share of r`,
    values: [...scopeValues(writer), writer.runId, writer.fence, writer.at, writer.syncId],
  });
  return result.rows[0];
}

/** False when the writer has lost its fence. A second first writer waits here for the first one's transaction. */
async function createHead(db: Queryable, writer: Writer): Promise<boolean> {
  const result = await db.query(
    `with fenced as (select from runs where id = $4::text and fence = $5::int and state = 'running'), made as (
       insert into record_heads (connection_id, model, variant, seq, last_modified_at)
       select c.id, $2::text, $3::text, coalesce((select max(epoch) from store_identity), 0) << $7::int, $6::timestamptz - interval '1 microsecond'
       from connections c, fenced
       where c.id = $1::bigint
       on conflict (connection_id, model, variant) do nothing
     )
     select from fenced`,
    [...scopeValues(writer), writer.runId, writer.fence, writer.at, EPOCH_BITS],
  );
  return result.rowCount === 1;
}

/**
 * Adds what was changed under the lock to what the run has done with a model, and moves the counter behind the `used`
 * numbers.
 */
export async function countChanges(
  db: Queryable,
  head: Head,
  { runId, model }: Pick<Writer, 'runId' | 'model'>,
  changes: RecordCounts & { readonly used: number },
): Promise<void> {
  const { added, updated, deleted, used } = changes;
  await db.query({
    name: 'count-changes',
    text: `with counted as (
        insert into run_counts as n (run_id, model, added, updated, deleted)
        values ($1::text, $2::text, $3::int, $4::int, $5::int)
        on conflict (run_id, model) do update
          set added = n.added + excluded.added, updated = n.updated + excluded.updated,
              deleted = n.deleted + excluded.deleted
      )
      update record_heads
      set seq = seq + $7::bigint, live = live + $3::int - $5::int, last_modified_at = $8::timestamptz
      where id = $6::bigint and $7::bigint > 0`,
    values: [runId, model, added, updated, deleted, head.id, used, head.at],
  });
}

export type LiveCount = {
  readonly connectionRow: string;
  readonly model: string;
  readonly variant: string;
  readonly live: number;
};

/** Live rows of each model and variant of these connections. */
export async function recordCounts(db: Queryable, connectionRows: readonly string[]): Promise<LiveCount[]> {
  const result = await db.query<LiveCount>(
    `select connection_id::text as "connectionRow", model, variant, live::float8 as live
     from record_heads
     where connection_id = any($1::bigint[])
     order by connection_id, model, variant`,
    [connectionRows],
  );
  return result.rows;
}

/** The head's number for a scope; undefined when nothing was ever saved for it. */
export async function headOf(db: Queryable, scope: RecordScope): Promise<string | undefined> {
  const result = await db.query<{ id: string }>({
    name: 'head-of',
    text: `select id::text from record_heads
      where connection_id = $1::bigint and model = $2::text and variant = $3::text`,
    values: scopeValues(scope),
  });
  return result.rows[0]?.id;
}

function scopeValues({ connectionRow, model, variant }: RecordScope): [string, string, string] {
  return [connectionRow, model, variant];
}
