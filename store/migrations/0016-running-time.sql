-- How long the script of a run has run so far, in ms; neither its waits nor what it goes through again count.
alter table runs add column running_ms bigint not null default 0;
