-- Records by a short key: (connection, model, variant) is spelt once, in the head, and rows carry its number. Counts
-- move into the head too: whoever changes a row holds the head's lock anyway.
alter table record_heads
  add column id bigint generated always as identity,
  add constraint record_heads_id unique (id),
  add column live bigint not null default 0,
  -- Grows with each start of a full refresh that looks for deletions: what was seen since has at least its number.
  add column generation bigint not null default 0,
  -- The sync that alone has written here; several share it once `is_shared` is set, and then all of them keep claims.
  add column writer_id bigint,
  add column is_shared boolean not null default false;

update record_heads h
set live = n.live
from record_counts n
where n.connection_id = h.connection_id and n.model = h.model and n.variant = h.variant;
drop table record_counts;

create table records_kept as
  select h.id as head_id, r.id, r.seq, r.payload, r.last_action, r.first_seen_at, r.last_modified_at, r.deleted_at,
    r.pruned_at
  from records r
    join record_heads h on h.connection_id = r.connection_id and h.model = r.model and h.variant = r.variant;
drop table records;

-- No foreign key: its check of every row costs more than finding the row's place. The trigger below does its work.
create table records (
  head_id bigint not null,
  seq bigint not null,
  first_seen_at timestamptz not null,
  last_modified_at timestamptz not null,
  deleted_at timestamptz,
  pruned_at timestamptz,
  id text collate "C" not null,
  last_action text not null check (last_action in ('ADDED', 'UPDATED', 'DELETED')),
  payload jsonb not null,
  -- Of rows whose payload was pruned: SHA-256 of the text it had, so that the same content still is no change.
  pruned_hash bytea,
  primary key (head_id, id)
) partition by hash (head_id);
create unique index records_seq on records (head_id, seq);

-- Which sync saw which record last, where a comparison will ask: of syncs that look for deletions, and of every sync
-- that shares its records with another one. `seen` is the head's generation at that time.
create table record_claims (
  head_id bigint not null,
  sync_id bigint not null,
  seen bigint not null,
  id text collate "C" not null,
  primary key (head_id, id, sync_id)
) partition by hash (head_id);

do $$
begin
  for n in 0..15 loop
    execute format('create table records_%s partition of records for values with (modulus 16, remainder %s)', n, n);
    -- Room in each page, so that seeing a record again touches no index.
    execute format('create table record_claims_%s partition of record_claims
      for values with (modulus 16, remainder %s) with (fillfactor = 70)', n, n);
  end loop;
end $$;

insert into records (head_id, seq, first_seen_at, last_modified_at, deleted_at, pruned_at, id, last_action, payload)
select head_id, seq, first_seen_at, last_modified_at, deleted_at, pruned_at, id, last_action, payload from records_kept;
drop table records_kept;

create function remove_records() returns trigger language plpgsql as $$
begin
  delete from records r using gone g where r.head_id = g.id;
  delete from record_claims c using gone g where c.head_id = g.id;
  return null;
end $$;
create trigger records_removed after delete on record_heads referencing old table as gone
  for each statement execute function remove_records();

-- Deep merge: objects by key at any depth, everything else is replaced.
create function merge_json(target jsonb, patch jsonb) returns jsonb language sql immutable parallel safe as $$
  select case
    when jsonb_typeof(target) = 'object' and jsonb_typeof(patch) = 'object' then target || coalesce(
      (select jsonb_object_agg(p.key, case when target ? p.key then merge_json(target -> p.key, p.value) else p.value end)
       from jsonb_each(patch) as p (key, value)), '{}')
    else patch
  end
$$;

-- A sync's full refresh that is under way: records not seen since its generation are gone once it has succeeded.
create table record_trackings (
  head_id bigint not null references record_heads (id) on delete cascade,
  sync_id bigint not null,
  generation bigint not null,
  run_id text not null,
  -- The head's number before the first deletion: what the comparison deleted has a higher one.
  deleting_from bigint,
  primary key (head_id, sync_id)
);

-- What a run's comparison came to; decided once, so that a run that goes on after a crash decides the same.
create table run_deletions (
  run_id text not null references runs on delete cascade,
  head_id bigint not null references record_heads (id) on delete cascade,
  stale bigint not null,
  live bigint not null,
  held boolean not null,
  primary key (run_id, head_id)
);

-- Deletions that were held back as too many, until a run decides again. A confirmation is for one number of records.
create table held_deletions (
  head_id bigint not null references record_heads (id) on delete cascade,
  sync_id bigint not null references syncs on delete cascade,
  stale bigint not null,
  live bigint not null,
  held_at timestamptz not null,
  confirmed bigint,
  primary key (head_id, sync_id)
);

-- Records that Postgres refused for their content; all others of their batch are stored.
create table run_refusals (
  run_id text not null references runs on delete cascade,
  model text not null,
  record_id text not null,
  reason text not null,
  primary key (run_id, model, record_id)
);

-- Runs that leave alone what somebody else changed after `captured_seq`; `own` are the numbers of their own writes.
create table merging_strategies (
  run_id text not null references runs on delete cascade,
  head_id bigint not null references record_heads (id) on delete cascade,
  captured_seq bigint not null,
  own int8multirange not null default '{}',
  primary key (run_id, head_id)
);

-- Where saved records differ from their model.
create table run_violations (
  run_id text not null references runs on delete cascade,
  model text not null,
  path text not null,
  message text not null,
  records bigint not null,
  example_id text not null,
  primary key (run_id, model, path, message)
);

-- Which server and which copy of the data this is: on another one, numbers go on from a new epoch.
create table store_identity (
  is_only boolean primary key default true check (is_only),
  identity text not null
);

alter table runs add column empty_cache boolean not null default false;
alter table scripts
  add column validation text not null default 'warn' check (validation in ('off', 'warn', 'error')),
  add column deletion_guard double precision not null default 0.5 check (deletion_guard between 0 and 1);
