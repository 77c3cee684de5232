-- How often the script was started since the run last got on: what tells a run that kills its process from one that waits.
alter table runs add column idle_starts int not null default 0;
