-- Until when an API wants to hear nothing of any connection of an integration: its limit counts what the app does.
create table integration_limits (
  integration_id bigint primary key references integrations on delete cascade,
  until timestamptz not null,
  reason text not null
);
