-- When Temporal was told of a queued run: one that waits for a worker is not told of again and again.
alter table runs add column told_at timestamptz;

-- Syncs that Temporal has to hear of are taken in turns, one of each script after the other.
create index syncs_due on syncs (script_id, id) where revision <> scheduled_revision;
drop index syncs_unscheduled;
