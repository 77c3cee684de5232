-- Runs whose calls wait for the budget of an API, and how many turns each has had since it stands in line.
create table call_line (
  run_id text not null references runs on delete cascade,
  connection_id bigint not null references connections on delete cascade,
  integration_id bigint not null references integrations on delete cascade,
  turns bigint not null,
  due timestamptz not null,
  primary key (run_id, connection_id)
);
create index call_line_connection on call_line (connection_id);
create index call_line_integration on call_line (integration_id);
