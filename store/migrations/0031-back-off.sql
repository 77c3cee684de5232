-- A sync that fails again and again runs less often: how many of its runs failed in a row, and until when its schedule's
-- ticks are let pass. Beside the schedule, not in it, so that the first success needs nobody else to bring it back.
alter table syncs
  add column failures int not null default 0,
  add column backs_off_until timestamptz;
