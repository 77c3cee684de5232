-- Lists of the dashboard among very many rows. The runs of one connection, and those of one sync or action, newest first:
drop index runs_connection;
create index runs_connection on runs (connection_id, created_at desc, id desc);
create index runs_named on runs (environment_id, name, created_at desc, id desc);
-- Also for the removal of a connection, which takes itself out of each delivery.
create index webhook_deliveries_connection on webhook_deliveries (connection_id, created_at desc, id desc)
  where connection_id is not null;
-- A connection by its id alone, and the few that have to be signed in again.
create index connections_named on connections (environment_id, connection_id);
create index connections_unwell on connections (environment_id, id) where auth_failed_at is not null;
