-- Where an environment's application hears of what happened here, and of what.
create table webhook_settings (
  environment_id bigint primary key references environments on delete cascade,
  primary_url text,
  secondary_url text,
  -- Sealed: deliveries are signed with it.
  signing_key text not null,
  on_sync_completion_always boolean not null,
  on_sync_error boolean not null,
  on_auth_creation boolean not null,
  on_auth_refresh_error boolean not null,
  on_async_action_completion boolean not null,
  updated_at timestamptz not null
);

-- The last number given to a webhook about a connection.
create table webhook_sequences (
  connection_id bigint primary key references connections on delete cascade,
  last bigint not null
);

create table webhook_deliveries (
  id text primary key,
  environment_id bigint not null references environments on delete cascade,
  connection_id bigint references connections on delete set null,
  run_id text references runs on delete set null,
  -- What it is about within its run: one delivery for each subject and URL.
  subject text not null,
  type text not null,
  url text not null,
  -- The bytes that are signed and sent, at every attempt the same.
  body text not null,
  sequence bigint not null,
  state text not null check (state in ('pending', 'delivered', 'refused', 'expired')),
  attempts int not null,
  last_status int,
  last_error text,
  replay_of text references webhook_deliveries on delete set null,
  created_at timestamptz not null,
  next_attempt_at timestamptz,
  ended_at timestamptz
);
create unique index webhook_deliveries_run on webhook_deliveries (run_id, subject, url) where replay_of is null;
create index webhook_deliveries_environment on webhook_deliveries (environment_id, id desc);
create index webhook_deliveries_pending on webhook_deliveries (connection_id, url, sequence) where state = 'pending';
create index webhook_deliveries_due on webhook_deliveries (next_attempt_at) where state = 'pending';
create index webhook_deliveries_replay on webhook_deliveries (replay_of) where replay_of is not null;

-- An asynchronous action: nobody waits for its answer, a webhook tells of it.
alter table runs add column detached boolean not null default false;
create index runs_finished on runs (environment_id, finished_at) where finished_at is not null;
