-- What happened and is over: calls of /proxy, sign-ins, refreshes, webhooks that came in. Runs and deliveries have rows of
-- their own. Names instead of references: it outlives all it names, and is written in batches that nothing may refuse.
create table operations (
  id text primary key,
  environment_id bigint not null,
  type text not null,
  operation text not null,
  status text not null,
  provider_config_key text,
  connection_id text,
  summary text not null,
  error jsonb,
  created_at timestamptz not null,
  ended_at timestamptz not null,
  messages jsonb not null
);
create index operations_environment on operations (environment_id, created_at desc, id desc);
create index operations_connection on operations (environment_id, connection_id, created_at desc)
  where connection_id is not null;

-- How each attempt went: { at, status, error, next_at, took_ms }.
alter table webhook_deliveries add column tries jsonb not null default '[]';
create index webhook_deliveries_created on webhook_deliveries (environment_id, created_at desc, id desc);

-- Lines come in the order of time and go in it: a few pages of index find those that are too old.
create index run_logs_at on run_logs using brin (at);
