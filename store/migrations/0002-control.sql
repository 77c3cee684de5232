-- What somebody asked of a run that is under way; its worker is notified, and reads it again at each of its flushes.
alter table runs add column control text constraint runs_control check (control in ('cancel', 'pause'));

-- A line's number holds generation, call and place: more than an int has room for.
alter table run_logs alter column seq type bigint;
