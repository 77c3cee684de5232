-- Bundles go by all that they hold, file name and source map too: what one environment tells of where its code comes from
-- is not shown in another that deploys the same code. Null where `hash` is that of the code alone, as it was before.
alter table bundles add column code_hash text;

-- Of those that environments share already nobody knows whose the map is. Each gets its own with its next deployment; until
-- then errors name lines of the bundle.
update bundles b
  set file = 'script.js', source_map = '{"version":3,"sources":[],"names":[],"mappings":""}'
  where b.hash in (select bundle_hash from scripts group by bundle_hash having count(distinct environment_id) > 1);
