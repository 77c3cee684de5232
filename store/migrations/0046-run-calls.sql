-- What a run's script asked for, in a few sealed words a call; the journal itself goes when a run succeeds.
alter table runs add column calls text;
