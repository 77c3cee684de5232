-- When a script that began again from its checkpoint did so; null while it never has. Its clock starts there.
alter table runs add column generation_at timestamptz;

-- The lines of each generation are numbered from a multiple of twenty million on, of which an int holds but a hundred.
alter table run_logs alter column seq type bigint;
