-- Everything the engine keeps. Times are UTC instants given by the caller's clock, never by now().

create table environments (
  id bigint generated always as identity primary key,
  name text not null constraint environments_name unique,
  created_at timestamptz not null
);

create table api_keys (
  id bigint generated always as identity primary key,
  environment_id bigint not null references environments on delete cascade,
  -- SHA-256 of the key; the key itself (122 random bits) is shown once and kept nowhere.
  hash bytea not null constraint api_keys_hash unique,
  prefix text not null,
  created_at timestamptz not null
);

create table integrations (
  id bigint generated always as identity primary key,
  environment_id bigint not null references environments on delete cascade,
  unique_key text not null,
  provider text not null,
  display_name text,
  -- Sealed JSON (store/secret-box.ts), null where the provider needs no application of its own.
  credentials text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint integrations_key unique (environment_id, unique_key)
);

create table connections (
  id bigint generated always as identity primary key,
  environment_id bigint not null references environments on delete cascade,
  integration_id bigint not null references integrations on delete cascade,
  connection_id text not null,
  credentials text not null,
  connection_config jsonb not null,
  metadata jsonb not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint connections_key unique (integration_id, connection_id)
);
create index connections_environment on connections (environment_id, id);

-- Compiled scripts by content: a run keeps its bundle until it ends, whatever is deployed meanwhile.
create table bundles (
  hash text primary key,
  file text not null,
  code text not null,
  source_map text not null,
  created_at timestamptz not null
);

create table scripts (
  id bigint generated always as identity primary key,
  environment_id bigint not null references environments on delete cascade,
  integration_id bigint not null references integrations on delete cascade,
  kind text not null check (kind in ('sync', 'action')),
  name text not null,
  version text not null,
  bundle_hash text not null references bundles,
  source text,
  description text,
  models text[] not null,
  -- Syncs only: the frequency as the author wrote it, and in milliseconds.
  runs text,
  interval_ms bigint,
  sync_type text check (sync_type in ('full', 'incremental')),
  track_deletes boolean not null,
  auto_start boolean not null,
  input_model text,
  json_schema jsonb,
  deployed_at timestamptz not null,
  constraint scripts_name unique (integration_id, kind, name),
  check ((kind = 'sync') = (interval_ms is not null))
);

-- One deployed sync of one connection. `revision` grows with every change that Temporal must hear of,
-- `scheduled_revision` is the last one it was told.
create table syncs (
  id bigint generated always as identity primary key,
  environment_id bigint not null references environments on delete cascade,
  connection_id bigint not null references connections on delete cascade,
  script_id bigint not null references scripts on delete cascade,
  variant text not null,
  schedule_id text not null constraint syncs_schedule unique,
  paused boolean not null,
  interval_ms bigint,
  revision int not null default 1,
  scheduled_revision int not null default 0,
  last_sync_date timestamptz,
  lease_run text,
  created_at timestamptz not null,
  constraint syncs_address unique (connection_id, script_id, variant)
);
create index syncs_script on syncs (script_id);
create index syncs_unscheduled on syncs (id) where revision <> scheduled_revision;

-- Schedules to delete in Temporal whose sync is gone. Filled by the trigger below, whatever removed the row.
create table schedule_removals (
  schedule_id text primary key
);

create function remember_schedule_removal() returns trigger language plpgsql as $$
begin
  insert into schedule_removals (schedule_id) values (old.schedule_id) on conflict do nothing;
  return null;
end $$;
create trigger syncs_removed after delete on syncs
  for each row execute function remember_schedule_removal();

create table runs (
  id text primary key,
  environment_id bigint not null references environments on delete cascade,
  connection_id bigint not null references connections on delete cascade,
  script_id bigint references scripts on delete set null,
  sync_id bigint references syncs on delete set null,
  kind text not null check (kind in ('sync', 'action')),
  name text not null,
  variant text not null,
  started_by text not null check (started_by in ('schedule', 'creation', 'api')),
  state text not null check (state in ('queued', 'running', 'waiting', 'success', 'failed', 'cancelled', 'skipped')),
  bundle_hash text not null,
  workflow_id text not null,
  workflow_run_id text,
  -- Raised by every start of the script: an attempt that lost its place can write nothing more.
  fence int not null,
  -- Number of the last flush: a flush whose commit was in doubt is found here, or is not, and is never counted twice.
  flushed int not null,
  -- Grows when the script begins again from its checkpoint with an empty journal.
  generation int not null default 0,
  journal_bytes bigint not null default 0,
  resume_at timestamptz,
  wait_reason text,
  -- Sealed: the guest's random numbers follow from it.
  seed text not null,
  last_sync_date timestamptz,
  requests int not null,
  error jsonb,
  input text,
  output text,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  constraint runs_workflow unique (workflow_id, workflow_run_id)
);
create index runs_sync on runs (sync_id, created_at desc);
create index runs_environment on runs (environment_id, created_at desc);
create index runs_connection on runs (connection_id);
create index runs_queued on runs (environment_id, id) where state = 'queued';

create table run_counts (
  run_id text not null references runs on delete cascade,
  model text not null,
  added int not null,
  updated int not null,
  deleted int not null,
  primary key (run_id, model)
);

create table run_logs (
  run_id text not null references runs on delete cascade,
  seq int not null,
  at timestamptz not null,
  level text not null check (level in ('debug', 'info', 'warn', 'error')),
  message text not null,
  primary key (run_id, seq)
);

-- Answers of host calls in the order of their delivery, many to a chunk: serialised, compressed and sealed.
create table journal_chunks (
  run_id text not null references runs on delete cascade,
  generation int not null,
  chunk int not null,
  data bytea not null,
  primary key (run_id, generation, chunk)
);
-- Compressed already: Postgres need not try again.
alter table journal_chunks alter column data set storage external;

-- Calls about to go on the wire, or refused and waiting for their next attempt; and, done, those that changed the
-- world, which a script that begins again would make twice.
create table journal_calls (
  run_id text not null references runs on delete cascade,
  generation int not null,
  number int not null,
  args_hash text not null,
  attempt int not null,
  state text not null check (state in ('intended', 'waiting', 'done')),
  resume_at timestamptz,
  what text not null,
  harmless boolean not null,
  primary key (run_id, generation, number)
);

-- Where a script said it is, in its own words; survives failed runs, cleared by a reset.
create table checkpoints (
  connection_id bigint not null references connections on delete cascade,
  kind text not null check (kind in ('sync', 'action')),
  name text not null,
  variant text not null,
  -- json, not jsonb: the script gets its keys back in its own order.
  value json not null,
  updated_at timestamptz not null,
  primary key (connection_id, kind, name, variant)
);

-- Until when an API wants to hear nothing of a connection; seen by one run, kept by all.
create table connection_limits (
  connection_id bigint primary key references connections on delete cascade,
  until timestamptz not null,
  reason text not null
);

-- The counter of one (connection, model, variant). Its row lock makes sequence order equal commit order.
create table record_heads (
  connection_id bigint not null references connections on delete cascade,
  model text not null,
  variant text not null,
  seq bigint not null,
  last_modified_at timestamptz not null,
  primary key (connection_id, model, variant)
);

create table record_counts (
  connection_id bigint not null references connections on delete cascade,
  model text not null,
  variant text not null,
  live bigint not null,
  primary key (connection_id, model, variant)
);

create table records (
  connection_id bigint not null references connections on delete cascade,
  model text not null,
  variant text not null,
  id text not null,
  seq bigint not null,
  payload jsonb not null,
  -- SHA-256 of the payload's canonical text (jsonb sorts keys), so key order changes nothing.
  hash bytea not null,
  last_action text not null check (last_action in ('ADDED', 'UPDATED', 'DELETED')),
  first_seen_at timestamptz not null,
  last_modified_at timestamptz not null,
  deleted_at timestamptz,
  pruned_at timestamptz,
  primary key (connection_id, model, variant, id)
) partition by hash (connection_id);
create unique index records_seq on records (connection_id, model, variant, seq);

do $$
begin
  for n in 0..15 loop
    execute format('create table records_%s partition of records for values with (modulus 16, remainder %s)', n, n);
  end loop;
end $$;
