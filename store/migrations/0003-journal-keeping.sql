-- Since when a run that waits has waited.
alter table runs add column waiting_since timestamptz;
