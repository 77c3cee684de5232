/** Fills an environment by SQL as years of use would: copies of one connection with its sync, and what ran for them. */
import type { Queryable } from '../../store/db.ts';

export type Filling = {
  /** The connection that is copied, with a deployed sync of its own; its newest run is copied too. */
  readonly connectionRow: string;
  readonly model: string;
  readonly connections: number;
  readonly records: number;
  readonly runs: number;
  /** Webhook deliveries, and as many operations. */
  readonly others: number;
};

/** One connection holds half of all records, as big customers do; the others share the rest. */
const SHARE_OF_THE_BIG_ONE = 0.5;
const PERIOD = `interval '7 days'`;

/**
 * Connections `copy-1` … with one sync, runs of the last seven days by random connections (one in 50 failed), deliveries,
 * operations and records; statistics are taken at the end. The copies' syncs have no schedule in Temporal.
 */
export async function fillEnvironment(db: Queryable, filling: Filling): Promise<void> {
  const { connectionRow, model, connections, records, runs, others } = filling;
  await db.query(
    `insert into connections (environment_id, integration_id, connection_id, credentials, connection_config, metadata,
       created_at, updated_at, end_user, tags, auth_failed_at, refresh_error)
     select c.environment_id, c.integration_id, 'copy-' || n, c.credentials, '{}', '{}', now(), now(),
       jsonb_build_object('id', 'user-' || n, 'email', 'user-' || n || '@example.com', 'display_name', 'Person ' || n), '{}',
       case when n % 100 = 0 then now() end, case when n % 100 = 0 then 'invalid_grant' end
     from connections c, generate_series(1, $2::int - 1) n
     where c.id = $1::bigint`,
    [connectionRow, connections],
  );
  await db.query(
    `insert into syncs (environment_id, connection_id, script_id, variant, schedule_id, paused, interval_ms, revision,
       scheduled_revision, created_at, last_sync_date)
     select y.environment_id, c.id, y.script_id, 'base', 'copy:' || c.id, true, y.interval_ms, 1, 1, now(), now()
     from syncs y join connections o on o.id = y.connection_id join connections c on c.integration_id = o.integration_id
     where y.connection_id = $1::bigint and c.id <> y.connection_id`,
    [connectionRow],
  );
  await fillRuns(db, { connectionRow, model, runs });
  await fillOthers(db, { connectionRow, others });
  await fillRecords(db, { connectionRow, model, records });
  for (const table of TABLES) await db.query(`vacuum analyze ${table}`);
}

const TABLES = [
  ...['connections', 'syncs', 'runs', 'run_counts', 'webhook_deliveries', 'operations', 'record_heads', 'records'],
] as const;

/** Every twentieth run has changed nothing, which is how most are; ids are in the order of time, as ours are. */
async function fillRuns(
  db: Queryable,
  { connectionRow, model, runs }: Pick<Filling, 'connectionRow' | 'model' | 'runs'>,
) {
  await db.query(
    `with syncs_of as (
       select row_number() over (order by y.id) - 1 as n, y.* from syncs y
         join connections c on c.id = y.connection_id join connections o on o.integration_id = c.integration_id
       where o.id = $1::bigint
     ), size as (select count(*) as syncs from syncs_of),
     first as (
       select r.* from runs r where r.connection_id = $1::bigint order by r.created_at desc limit 1
     )
     insert into runs (id, environment_id, connection_id, script_id, sync_id, kind, name, variant, started_by, state,
       bundle_hash, workflow_id, workflow_run_id, fence, flushed, seed, requests, error, created_at, started_at, finished_at)
     select 'run-' || lpad(g.n::text, 9, '0'), f.environment_id, y.connection_id, y.script_id, y.id, 'sync', f.name, 'base',
       'schedule', case when g.n % 50 = 0 then 'failed' else 'success' end,
       f.bundle_hash, 'copy:' || g.n, 'copy:' || g.n, 1, 1, f.seed, 12,
       case when g.n % 50 = 0 then '{"code": "script_failed", "message": "No such project"}'::jsonb end,
       g.at, g.at, g.at + interval '2 seconds'
     from (select n, now() - ${PERIOD} + n * ${PERIOD} / $2::int as at from generate_series(1, $2::int) n) g
       cross join first f cross join size
       join syncs_of y on y.n = case when g.n % 10 = 0 then 0 else g.n * 7919::bigint % size.syncs end`,
    [connectionRow, runs],
  );
  await db.query(
    `insert into run_counts (run_id, model, added, updated, deleted)
     select 'run-' || lpad(n::text, 9, '0'), $2::text, 10, 5, 1 from generate_series(1, $1::int) n where n % 20 <> 0`,
    [runs, model],
  );
}

async function fillOthers(db: Queryable, { connectionRow, others }: Pick<Filling, 'connectionRow' | 'others'>) {
  await db.query(
    `insert into webhook_deliveries (id, environment_id, connection_id, subject, type, url, body, sequence, state, attempts,
       last_status, created_at, ended_at)
     select 'delivery-' || lpad(n::text, 9, '0'), c.environment_id, c.id, 'copy', 'sync', 'https://product.example/hook',
       '{"type":"sync"}', n, case when n % 50 = 0 then 'refused' else 'delivered' end, 1,
       case when n % 50 = 0 then 400 else 200 end, g.at, g.at
     from connections c, lateral (
       select n, now() - ${PERIOD} + n * ${PERIOD} / $2::int as at from generate_series(1, $2::int) n) g
     where c.id = $1::bigint`,
    [connectionRow, others],
  );
  await db.query(
    `insert into operations (id, environment_id, type, operation, status, provider_config_key, connection_id, summary,
       created_at, ended_at, messages)
     select 'operation-' || lpad(n::text, 9, '0'), c.environment_id, 'proxy', 'call',
       case when n % 50 = 0 then 'failed' else 'success' end, i.unique_key, 'copy-' || n % 100, 'GET /rows: answered 200',
       g.at, g.at, '[{"at": "2026-01-01T00:00:00.000Z", "level": "info", "message": "GET /rows: answered 200"}]'
     from connections c join integrations i on i.id = c.integration_id, lateral (
       select n, now() - ${PERIOD} + n * ${PERIOD} / $2::int as at from generate_series(1, $2::int) n) g
     where c.id = $1::bigint`,
    [connectionRow, others],
  );
}

async function fillRecords(
  db: Queryable,
  { connectionRow, model, records }: Pick<Filling, 'connectionRow' | 'model' | 'records'>,
) {
  await db.query(
    `with of_all as (
       select c.id, count(*) over () as connections from connections c
         join connections o on o.integration_id = c.integration_id where o.id = $1::bigint
     ), wanted as (
       select id, case when id = $1::bigint then ($3::int * ${SHARE_OF_THE_BIG_ONE})::bigint
         else ($3::int * ${1 - SHARE_OF_THE_BIG_ONE})::bigint / greatest(connections - 1, 1) end as live
       from of_all
     ), heads as (
       insert into record_heads as h (connection_id, model, variant, seq, last_modified_at, live)
       select id, $2::text, 'base', live, now(), live from wanted
       on conflict (connection_id, model, variant) do update set seq = excluded.seq, live = excluded.live
       returning h.id, h.seq
     )
     insert into records (head_id, seq, first_seen_at, last_modified_at, id, last_action, payload)
     select h.id, n, now(), now(), 'r' || n, case when n % 10 = 0 then 'UPDATED' else 'ADDED' end,
       jsonb_build_object('id', 'r' || n, 'title', 'Task number ' || n, 'text', repeat('word ', 40))
     from heads h, generate_series(1, h.seq) n`,
    [connectionRow, model, records],
  );
}
