-- A run that has ended waits for nothing: whoever ended it, its place among the callers of an API goes with its locks.
create or replace function release_script_locks() returns trigger language plpgsql as $$
begin
  delete from script_locks where run_id = new.id;
  delete from call_line where run_id = new.id;
  return null;
end $$;
