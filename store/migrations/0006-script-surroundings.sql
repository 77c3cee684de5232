-- What scripts find around them besides their connection: variables of the environment, and locks between runs.

create table environment_variables (
  environment_id bigint not null references environments on delete cascade,
  name text not null,
  -- Sealed (store/secret-box.ts): people keep keys here.
  value text not null,
  primary key (environment_id, name)
);

-- A lock belongs to a run and ends with it, at the latest when its time is over.
create table script_locks (
  environment_id bigint not null references environments on delete cascade,
  key text not null,
  run_id text not null references runs on delete cascade,
  expires_at timestamptz not null,
  primary key (environment_id, key)
);
create index script_locks_run on script_locks (run_id);

create function release_script_locks() returns trigger language plpgsql as $$
begin
  delete from script_locks where run_id = new.id;
  return null;
end $$;
create trigger runs_ended after update of state on runs
  for each row when (new.state in ('success', 'failed', 'cancelled', 'skipped') and old.state <> new.state)
  execute function release_script_locks();
