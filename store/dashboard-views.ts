/** What the dashboard's first page shows of an environment, in few statements whatever the number of rows. */
import type { RunState } from '../contract/sync.ts';
import { onlyRow, type Queryable } from './db.ts';
import { RUN_VIEW, type RunView } from './run-views.ts';

export type OverviewHour = {
  readonly hour: Date;
  readonly runs: Readonly<Partial<Record<RunState, number>>>;
  /** Records that runs begun in this hour added, updated or deleted. */
  readonly records: number;
};

/** Runs by the hour they were asked for, and what they wrote; hours without runs are absent. */
export async function runsByHour(
  db: Queryable,
  { environmentId, since }: { environmentId: string; since: Date },
): Promise<OverviewHour[]> {
  const result = await db.query<OverviewHour>(
    `with recent as (
       select id, state, date_trunc('hour', created_at) as hour from runs
       where environment_id = $1::bigint and created_at >= $2::timestamptz
     ), states as (
       select hour, jsonb_object_agg(state, n) as runs
       from (select hour, state, count(*)::int as n from recent group by hour, state) s
       group by hour
     ), written as (
       select r.hour, sum(c.added + c.updated + c.deleted)::float8 as records
       from recent r join run_counts c on c.run_id = r.id
       group by r.hour
     )
     select s.hour, s.runs, coalesce(w.records, 0) as records
     from states s left join written w on w.hour = s.hour
     order by s.hour`,
    [environmentId, since],
  );
  return result.rows;
}

/** Runs that wait or have failed and were the last of their sync or action, newest first. */
export async function runsInTrouble(
  db: Queryable,
  { environmentId, since, limit }: { environmentId: string; since: Date; limit: number },
): Promise<RunView[]> {
  const result = await db.query<RunView>(
    // Each half by an index that holds few rows; together they would be looked for among all runs.
    `with unwell as (
       select id from runs where environment_id = $1::bigint and created_at >= $2::timestamptz and state = 'failed'
       union all
       select id from runs where environment_id = $1::bigint and created_at >= $2::timestamptz and state = 'waiting'
     )
     ${RUN_VIEW} join unwell u on u.id = r.id
     where r.sync_id is null or not exists (
       select from runs n where n.sync_id = r.sync_id and n.created_at > r.created_at and n.state <> 'skipped')
     order by r.state = 'waiting' desc, r.created_at desc
     limit $3::int`,
    [environmentId, since, limit],
  );
  return result.rows;
}

export type Totals = {
  readonly integrations: number;
  readonly connections: number;
  readonly scripts: number;
  /** Connections whose person has to sign in again. */
  readonly brokenConnections: number;
  /** Since when the oldest run that nothing has begun yet waits for a worker. */
  readonly queuedSince: Date | null;
};

export async function totalsOf(db: Queryable, environmentId: string): Promise<Totals> {
  const result = await db.query<Totals>(
    `select
       (select count(*)::int from integrations where environment_id = $1::bigint) as integrations,
       (select count(*)::int from connections where environment_id = $1::bigint) as connections,
       (select count(*)::int from connections
        where environment_id = $1::bigint and auth_failed_at is not null) as "brokenConnections",
       (select count(*)::int from scripts where environment_id = $1::bigint) as scripts,
       (select min(created_at) from runs where environment_id = $1::bigint and state = 'queued') as "queuedSince"`,
    [environmentId],
  );
  return onlyRow(result, 'totalsOf');
}

/** Another text whenever one of the newest runs, or a sync's switch, is another than before. */
export async function activityMark(db: Queryable, environmentId: string): Promise<string> {
  const result = await db.query<{ mark: string }>(
    `select concat(
       (select md5(string_agg(concat_ws(' ', id, state, requests, flushed, fence, resume_at), ','))
        from (select id, state, requests, flushed, fence, resume_at from runs
              where environment_id = $1::bigint order by created_at desc limit 200) newest),
       (select coalesce(max(revision), 0) + count(*) from syncs where environment_id = $1::bigint)) as mark`,
    [environmentId],
  );
  return onlyRow(result, 'activityMark').mark;
}

/** Another text whenever an operation was added that no run stands for, or a webhook's delivery went on. */
export async function logMark(db: Queryable, environmentId: string): Promise<string> {
  const result = await db.query<{ mark: string }>(
    `select concat(
       (select md5(string_agg(id, ',')) from (
         select id from operations where environment_id = $1::bigint order by created_at desc, id desc limit 200) added),
       (select md5(string_agg(concat_ws(' ', id, state, attempts), ',')) from (
         select id, state, attempts from webhook_deliveries
         where environment_id = $1::bigint order by created_at desc, id desc limit 200) sent)) as mark`,
    [environmentId],
  );
  return onlyRow(result, 'logMark').mark;
}

export type ScriptDetails = {
  readonly id: string;
  readonly kind: 'sync' | 'action';
  readonly name: string;
  readonly version: string;
  readonly description: string | null;
  readonly models: readonly string[];
  readonly runs: string | null;
  readonly syncType: 'full' | 'incremental' | null;
  readonly trackDeletes: boolean;
  readonly autoStart: boolean;
  readonly inputModel: string | null;
  readonly jsonSchema: unknown;
  /** As the author wrote it; null where only the compiled script was deployed. */
  readonly source: string | null;
  readonly deployedAt: Date;
};

/** The deployed scripts of an integration with all that is known of them. */
export async function scriptDetails(db: Queryable, integrationId: string): Promise<ScriptDetails[]> {
  const result = await db.query<ScriptDetails>(
    `select id::text, kind, name, version, description, models, runs, sync_type as "syncType",
       track_deletes as "trackDeletes", auto_start as "autoStart", input_model as "inputModel",
       json_schema as "jsonSchema", source, deployed_at as "deployedAt"
     from scripts where integration_id = $1::bigint
     order by kind desc, name`,
    [integrationId],
  );
  return result.rows;
}
