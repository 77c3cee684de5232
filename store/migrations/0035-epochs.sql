-- Above which numbers of records begin on this copy: heads that are made later must not begin below it.
alter table store_identity add column epoch bigint not null default 0;
update store_identity set epoch = coalesce((select max(seq >> 38) from record_heads), 0);
