-- Ranges of a brin index never narrow: once lines had been removed and their pages used again, each sweep read all of them.
drop index run_logs_at;
create index run_logs_at on run_logs (at);
