-- What one script may cause by calling others and by writing its log.
-- The run at the head of a chain of scripts that call each other; null for a run that no script started.
alter table runs add column root_run text;
alter table runs add column log_bytes bigint not null default 0;
create index runs_root on runs (root_run) where root_run is not null and state in ('queued', 'running', 'waiting');
