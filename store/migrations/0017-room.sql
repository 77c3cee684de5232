-- For room in what a sync run waits: as many runs are at work there as may be at once.
alter table runs add column awaits_room text
  constraint runs_awaits_room check (awaits_room in ('connection', 'integration', 'environment'));
create index runs_at_work on runs (environment_id) where kind = 'sync' and state = 'running';
create index runs_in_line on runs (environment_id, waiting_since) where state = 'waiting' and awaits_room is not null;
