-- Who did what to an environment that cannot be seen from what is there now. No foreign keys: it outlives all it names.
create table audit_log (
  id bigint generated always as identity primary key,
  environment_id bigint not null,
  at timestamptz not null,
  action text not null,
  subject text not null,
  key_prefix text,
  address text,
  detail jsonb not null default '{}'
);
create index audit_log_environment on audit_log (environment_id, id desc);
