/** The syncs of connections: which deployed sync runs for which connection, and what Temporal was told of it. */
import { type SyncAddress, scheduleId } from '../contract/ids.ts';
import type { Queryable } from './db.ts';

export type Sync = {
  readonly id: string;
  readonly environmentId: string;
  readonly environment: string;
  readonly connectionRow: string;
  readonly connectionId: string;
  readonly providerConfigKey: string;
  readonly scriptId: string;
  readonly name: string;
  readonly variant: string;
  readonly scheduleId: string;
  readonly paused: boolean;
  /** Its connection has to be signed in again: the schedule stands still, whatever `paused` says. */
  readonly held: boolean;
  readonly intervalMs: number;
  /** The frequency as the author wrote it, for instance `every 30min`. */
  readonly runs: string;
  readonly autoStart: boolean;
  readonly models: readonly string[];
  readonly bundleHash: string;
  readonly syncType: 'full' | 'incremental';
  readonly lastSyncDate: Date | null;
  /** Runs that failed in a row. */
  readonly failures: number;
  /** Until then its schedule starts no run. */
  readonly backsOffUntil: Date | null;
  /** Grows with every change that Temporal must hear of. */
  readonly revision: number;
  readonly scheduledRevision: number;
};

/** The names that make the sync's ids. */
export function addressOf(sync: Sync): SyncAddress {
  return {
    environment: sync.environment,
    integration: sync.providerConfigKey,
    connection: sync.connectionId,
    sync: sync.name,
    variant: sync.variant,
  };
}

const SELECT = `select y.id::text, y.environment_id::text as "environmentId", e.name as environment,
    y.connection_id::text as "connectionRow", c.connection_id as "connectionId", i.unique_key as "providerConfigKey",
    y.script_id::text as "scriptId", s.name, y.variant, y.schedule_id as "scheduleId", y.paused, c.auth_failed_at is not null as held,
    coalesce(y.interval_ms, s.interval_ms)::float8 as "intervalMs", coalesce(y.runs, s.runs) as runs, s.auto_start as "autoStart", s.models,
    s.bundle_hash as "bundleHash", s.sync_type as "syncType", y.last_sync_date as "lastSyncDate", y.failures, y.backs_off_until as "backsOffUntil", y.revision,
    y.scheduled_revision as "scheduledRevision"
  from syncs y
    join scripts s on s.id = y.script_id
    join connections c on c.id = y.connection_id
    join integrations i on i.id = c.integration_id
    join environments e on e.id = y.environment_id`;

export type NewSync = SyncAddress & {
  readonly connectionRow: string;
  readonly scriptId: string;
  readonly autoStart: boolean;
};

/** Adds one sync; undefined when it was there already. Without `autoStart` it begins paused. */
export async function addSync(
  db: Queryable,
  environmentId: string,
  sync: NewSync,
  at: Date,
): Promise<string | undefined> {
  return (await addSyncs(db, environmentId, [sync], at)).get(scheduleId(sync));
}

/** The same of many: the ids of those that were not there already, by the ids of their schedules. */
export async function addSyncs(
  db: Queryable,
  environmentId: string,
  syncs: readonly NewSync[],
  at: Date,
): Promise<ReadonlyMap<string, string>> {
  const result = await db.query<{ id: string; scheduleId: string }>(
    `insert into syncs (environment_id, connection_id, script_id, variant, schedule_id, paused, created_at)
     select $1::bigint, x.connection, x.script, x.variant, x.schedule, not x.starts, $2::timestamptz
     from unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::boolean[])
       as x (connection, script, variant, schedule, starts)
     on conflict do nothing
     returning id::text, schedule_id as "scheduleId"`,
    [
      environmentId,
      at,
      syncs.map((sync) => sync.connectionRow),
      syncs.map((sync) => sync.scriptId),
      syncs.map((sync) => sync.variant),
      syncs.map(scheduleId),
      syncs.map((sync) => sync.autoStart),
    ],
  );
  return new Map(result.rows.map((row) => [row.scheduleId, row.id]));
}

export async function syncById(db: Queryable, id: string): Promise<Sync | undefined> {
  const result = await db.query<Sync>({ name: 'sync-by-id', text: `${SELECT} where y.id = $1::bigint`, values: [id] });
  return result.rows[0];
}

/** Syncs of one integration, of one connection or all, by name or all (`null`). */
export async function listSyncs(
  db: Queryable,
  filter: {
    environmentId: string;
    providerConfigKey: string | null;
    connectionId: string | null;
    names: readonly string[] | null;
  },
): Promise<Sync[]> {
  const result = await db.query<Sync>(
    `${SELECT}
     where y.environment_id = $1::bigint
       and ($2::text is null or i.unique_key = $2::text)
       and ($3::text is null or c.connection_id = $3::text)
       and ($4::text[] is null or s.name = any($4::text[]))
     order by y.id`,
    [filter.environmentId, filter.providerConfigKey, filter.connectionId, filter.names],
  );
  return result.rows;
}

/** Syncs that Temporal must hear of, one of each script in turn: those of a few connections stand behind no thousands. */
export async function dueSyncs(
  db: Queryable,
  limit: number,
): Promise<(Sync & { /** How many its script has. */ readonly dueOfScript: number })[]> {
  const turns = await db.query<{ id: string; dueOfScript: number }>(
    `select id::text, of_script as "dueOfScript"
     from (select id, row_number() over (partition by script_id order by id) as turn,
             (count(*) over (partition by script_id))::int as of_script
           from syncs where revision <> scheduled_revision) due
     order by turn, due.id
     limit $1::int`,
    [limit],
  );
  if (turns.rows.length === 0) return [];
  const ids = turns.rows.map(({ id }) => id);
  const syncs = await db.query<Sync>(`${SELECT} where y.id = any($1::bigint[])`, [ids]);
  const byId = new Map(syncs.rows.map((sync) => [sync.id, sync]));
  return turns.rows.flatMap(({ id, dueOfScript }) => {
    const sync = byId.get(id);
    return sync === undefined ? [] : [{ ...sync, dueOfScript }];
  });
}

/** How many syncs Temporal has yet to hear of, of all or of one connection or of these scripts. */
export async function countDueSyncs(
  db: Queryable,
  of: { readonly connectionRow?: string; readonly scriptIds?: readonly string[] } = {},
): Promise<number> {
  const result = await db.query<{ count: number }>(
    `select count(*)::int as count from syncs
     where revision <> scheduled_revision
       and ($1::bigint is null or connection_id = $1::bigint)
       and ($2::bigint[] is null or script_id = any($2::bigint[]))`,
    [of.connectionRow ?? null, of.scriptIds ?? null],
  );
  return result.rows[0]?.count ?? 0;
}

/** A page of the schedules that there have to be, after `afterId`, of syncs that Temporal was told of. */
export async function pageOfSchedules(
  db: Queryable,
  page: { readonly afterId: string; readonly limit: number },
): Promise<{ readonly id: string; readonly scheduleId: string }[]> {
  const result = await db.query<{ id: string; scheduleId: string }>(
    `select id::text, schedule_id as "scheduleId" from syncs
     where id > $1::bigint and revision = scheduled_revision
     order by id
     limit $2::int`,
    [page.afterId, page.limit],
  );
  return result.rows;
}

/** Notes that Temporal was told of this revision; a change made meanwhile has a newer one and stays due. */
export async function markScheduled(db: Queryable, sync: { id: string; revision: number }): Promise<void> {
  await db.query(`update syncs set scheduled_revision = $2::int where id = $1::bigint`, [sync.id, sync.revision]);
}

/** Makes reconcile look again at every sync of these scripts: their frequency may have changed. */
export async function reviseSyncsOf(db: Queryable, scriptIds: readonly string[]): Promise<void> {
  await db.query(`update syncs set revision = revision + 1 where script_id = any($1::bigint[])`, [scriptIds]);
}

/** Pauses or unpauses syncs; reconcile then tells Temporal. */
export async function setPaused(db: Queryable, ids: readonly string[], paused: boolean): Promise<void> {
  await db.query(
    `update syncs set paused = $2::boolean, revision = revision + 1
     where id = any($1::bigint[]) and paused is distinct from $2::boolean`,
    [ids, paused],
  );
}

/** Gives syncs a frequency of their own, or with null that of their script again; reconcile then tells Temporal. */
export async function setFrequency(
  db: Queryable,
  ids: readonly string[],
  frequency: { readonly runs: string; readonly intervalMs: number } | null,
): Promise<void> {
  await db.query(
    `update syncs set runs = $2::text, interval_ms = $3::bigint, revision = revision + 1
     where id = any($1::bigint[])`,
    [ids, frequency?.runs ?? null, frequency?.intervalMs ?? null],
  );
}

/** How many variants of the script the connection has, the base one left out. */
export async function countVariants(
  db: Queryable,
  of: { readonly connectionRow: string; readonly scriptId: string },
): Promise<number> {
  const result = await db.query<{ count: number }>(
    `select count(*)::int as count from syncs
     where connection_id = $1::bigint and script_id = $2::bigint and variant <> 'base'`,
    [of.connectionRow, of.scriptId],
  );
  return result.rows[0]?.count ?? 0;
}

/** Removes one sync; a trigger remembers its schedule for reconcile. Its records and runs stay. */
export async function deleteSync(db: Queryable, id: string): Promise<void> {
  await db.query(`delete from syncs where id = $1::bigint`, [id]);
}

/** Schedules whose sync is gone and was not created again under the same id. */
export async function scheduleRemovals(db: Queryable, limit: number): Promise<string[]> {
  await db.query(
    `delete from schedule_removals r where exists (select from syncs y where y.schedule_id = r.schedule_id)`,
  );
  const result = await db.query<{ scheduleId: string }>(
    `select schedule_id as "scheduleId" from schedule_removals order by schedule_id limit $1::int`,
    [limit],
  );
  return result.rows.map((row) => row.scheduleId);
}

export async function forgetRemoval(db: Queryable, id: string): Promise<void> {
  await db.query(`delete from schedule_removals where schedule_id = $1::text`, [id]);
}

/** The ids among these that belong to no sync: orphans that somebody else's clean-up left behind. */
export async function unknownSchedules(db: Queryable, ids: readonly string[]): Promise<string[]> {
  const result = await db.query<{ id: string }>(
    `select x.id from unnest($1::text[]) as x (id)
     where not exists (select from syncs y where y.schedule_id = x.id)`,
    [ids],
  );
  return result.rows.map((row) => row.id);
}
