-- What addresses an environment from outside, where no key is sent: nobody guesses it.
alter table environments
  add column public_id uuid not null default gen_random_uuid() constraint environments_public_id unique;

alter table scripts add column webhook_subscriptions text[] not null default '{}';

-- What an API told us of, once each; what follows from it (runs, deliveries) is written in the same transaction.
create table inbound_webhooks (
  id bigint generated always as identity primary key,
  environment_id bigint not null references environments on delete cascade,
  integration_id bigint not null references integrations on delete cascade,
  -- As the provider names the event; null where it does not, and then nothing is taken for a repetition.
  event_id text,
  type text,
  received_at timestamptz not null,
  constraint inbound_webhooks_event unique (integration_id, event_id)
);
create index inbound_webhooks_received on inbound_webhooks (received_at);
create index inbound_webhooks_environment on inbound_webhooks (environment_id);

-- In the order of these numbers a sync's webhooks are handled. No reference: they are kept for a while only.
alter table runs add column webhook_id bigint;
create index runs_webhooks on runs (sync_id, webhook_id)
  where kind = 'webhook' and state in ('queued', 'running', 'waiting');
