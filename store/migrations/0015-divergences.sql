-- How often the script has begun again from the same point because it went another way, and a digest of that point.
alter table runs
  add column divergences int not null default 0,
  add column diverged_from text;
