-- Payloads sealed by the engine (NANGO_ENCRYPT_RECORDS), behind the id of their key in 4 bytes: `payload` then holds the
-- record's id alone.
alter table records add column sealed bytea;

-- Everything up to this number has been pruned by retention, so that it need not look there again.
alter table record_heads add column pruned_until bigint not null default 0;

-- For the owner's own SQL: one view for each environment, `records_in_dev`. A view of several tables cannot be written
-- to, and whoever may read it needs no right to anything else.
create function keep_records_view() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if tg_op <> 'INSERT' then
    execute format('drop view if exists %I', records_view_name(old));
  end if;
  if tg_op <> 'DELETE' then
    execute format(
      'create view %I as
       select i.unique_key as provider_config_key, c.connection_id, h.model, h.variant, r.id,
         case when r.sealed is null then r.payload end as record,
         r.first_seen_at, r.last_modified_at, r.last_action, r.deleted_at, r.pruned_at
       from records r
         join record_heads h on h.id = r.head_id
         join connections c on c.id = h.connection_id
         join integrations i on i.id = c.integration_id
       where c.environment_id = %s', records_view_name(new), new.id);
  end if;
  return null;
end $$;

-- Postgres cuts longer names, and two of them could become one.
create function records_view_name(environment environments) returns text language sql immutable as $$
  select case
    when octet_length('records_in_' || environment.name) < 64 then 'records_in_' || environment.name
    else 'records_in_environment_' || environment.id
  end
$$;

create trigger environments_view after insert or delete or update of name on environments
  for each row execute function keep_records_view();

-- Those that are there already get theirs.
update environments set name = name;
