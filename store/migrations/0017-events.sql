-- Scripts that run when something happens to a connection; their kind is the event. Their runs are those of actions.
alter table scripts
  drop constraint scripts_kind_check,
  add constraint scripts_kind check (kind in ('sync', 'action', 'post-connection-creation', 'pre-connection-deletion',
    'validate-connection'));

-- Inbound webhooks are handled by runs of their own, beside those of the sync that subscribes to them.
alter table runs
  drop constraint runs_kind_check,
  add constraint runs_kind check (kind in ('sync', 'action', 'webhook')),
  drop constraint runs_started_by_check,
  add constraint runs_started_by check (started_by in ('schedule', 'creation', 'api', 'event', 'webhook'));
alter table checkpoints
  drop constraint checkpoints_kind_check,
  add constraint checkpoints_kind check (kind in ('sync', 'action', 'webhook'));

-- False while a validate-connection script has yet to say yes: such a connection is not shown and has no syncs.
alter table connections add column accepted boolean not null default true;
create index connections_unaccepted on connections (created_at) where not accepted;
-- Runs that nobody waits for and whose workflow may not have been started.
create index runs_unstarted on runs (created_at) where state = 'queued' and started_by in ('event', 'webhook');
