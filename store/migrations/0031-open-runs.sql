-- Runs that have not ended are few beside those that have: looked through every minute, and counted for /metrics.
create index runs_open on runs (id) where state in ('queued', 'running', 'waiting');
