-- A past run that has to stay is looked at again only once the sweep's cut-off has passed this time, instead of at each sweep.
alter table runs add column look_again timestamptz;
create index runs_past on runs (coalesce(look_again, finished_at)) where finished_at is not null;
