-- How often a failed action begins again by itself; only asynchronous ones ask for it.
alter table runs add column retries int not null default 0;

-- A caller's Idempotency-Key: the run that answers every call which carries it, until it expires.
create table action_keys (
  connection_id bigint not null references connections on delete cascade,
  action text not null,
  key text not null,
  input_hash bytea not null,
  -- Deferred: the key is claimed before the run is written, so that a second caller waits for the first.
  run_id text not null references runs on delete cascade deferrable initially deferred,
  expires_at timestamptz not null,
  primary key (connection_id, action, key)
);
create index action_keys_expiry on action_keys (expires_at);
create index action_keys_run on action_keys (run_id);
