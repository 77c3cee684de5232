-- The run that a script's triggerSync came to where it allocated none of its own: the same call, made again, finds it.
create table joined_triggers (
  trigger_id text primary key,
  run_id text not null references runs on delete cascade
);
create index joined_triggers_run on joined_triggers (run_id);

-- For the removal of runs, which takes itself out of each delivery.
create index webhook_deliveries_of_run on webhook_deliveries (run_id) where run_id is not null;
create index webhook_deliveries_ended on webhook_deliveries (ended_at) where ended_at is not null;

-- The few that did not go well, among the many that did: /logs lists them without walking over all. Calls that succeed
-- never touch these.
create index runs_unwell on runs (environment_id, created_at desc, id desc) where state in ('failed', 'cancelled', 'skipped');
create index webhook_deliveries_unwell on webhook_deliveries (environment_id, created_at desc, id desc)
  where state in ('refused', 'expired');
create index operations_unwell on operations (environment_id, created_at desc, id desc) where status <> 'success';
