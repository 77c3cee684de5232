-- How often one connection's sync runs where that differs from its script, as it was asked for; with interval_ms.
alter table syncs add column runs text;

create table environment_variables (
  id bigint generated always as identity primary key,
  environment_id bigint not null references environments on delete cascade,
  name text not null,
  -- Sealed.
  value text not null,
  updated_at timestamptz not null,
  constraint environment_variables_name unique (environment_id, name)
);

alter table api_keys
  add column display_name text,
  -- What the key may do; null: everything in its environment.
  add column scopes text[],
  add column expires_at timestamptz,
  add column last_used_at timestamptz;
