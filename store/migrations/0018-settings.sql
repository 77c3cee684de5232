-- How often one connection's sync runs where that differs from its script, as it was asked for; with interval_ms.
alter table syncs add column runs text;

-- What names a row when keys are rotated.
alter table environment_variables
  add column id bigint generated always as identity constraint environment_variables_id unique;

alter table api_keys
  add column display_name text,
  -- What the key may do; null: everything in its environment.
  add column scopes text[],
  add column expires_at timestamptz,
  add column last_used_at timestamptz;
