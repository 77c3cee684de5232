-- Connections that stay alive: when their tokens end, how refreshing them went, whose they are, and how they are made.

alter table connections
  -- Grows with every write of credentials: a refresh that was overtaken finds another number and writes nothing.
  add column credentials_version int not null default 1,
  -- When a refresh wrote them; null for those that somebody brought.
  add column credentials_at timestamptz,
  -- When the access token ends, and from when it is replaced; null where nobody said.
  add column expires_at timestamptz,
  add column refresh_at timestamptz,
  -- Set before a token request goes out, cleared by its outcome: what is left of a process that died in between.
  add column refresh_begun_at timestamptz,
  add column refresh_failures int not null default 0,
  add column refresh_error text,
  -- After a failure: no refresh before.
  add column refresh_retry_at timestamptz,
  -- The person has to sign in again; nothing is tried any more.
  add column auth_failed_at timestamptz,
  add column last_fetched_at timestamptz,
  -- { id, email, display_name, organization: { id, display_name }, tags }
  add column end_user jsonb,
  add column tags jsonb not null default '{}',
  add column webhook_url_override text;
create index connections_refresh on connections (refresh_at) where auth_failed_at is null;
create index connections_end_user on connections (environment_id, (end_user ->> 'id')) where end_user is not null;

alter table integrations
  add column forward_webhooks boolean not null default true,
  add column custom jsonb,
  add column integration_config jsonb;

-- A person's permission to make connections, handed out by the product for half an hour.
create table connect_sessions (
  id bigint generated always as identity primary key,
  environment_id bigint not null references environments on delete cascade,
  -- SHA-256 of the token; the token itself is shown once and kept nowhere.
  hash bytea not null constraint connect_sessions_hash unique,
  -- What the product said: end_user, allowed_integrations, integrations_config_defaults, …
  wishes jsonb not null,
  -- The connection that is signed in again, for a session of that kind.
  reconnects bigint references connections on delete cascade,
  expires_at timestamptz not null,
  created_at timestamptz not null
);
create index connect_sessions_expiry on connect_sessions (expires_at);

-- A sign-in that has left for the provider and is expected back, once.
create table sign_ins (
  -- SHA-256 of the `state` (OAuth 2) or of the request token (OAuth 1).
  hash bytea primary key,
  environment_id bigint not null references environments on delete cascade,
  integration_id bigint not null references integrations on delete cascade,
  session_id bigint not null references connect_sessions on delete cascade,
  -- Sealed: PKCE verifier, OAuth 1 secret, connection_config, credentials given on the way.
  luggage text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null
);
create index sign_ins_expiry on sign_ins (expires_at);
