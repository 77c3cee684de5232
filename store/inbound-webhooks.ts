/** Webhooks that APIs send us: taken in once each, with the runs that handle them, in one transaction. */
import type { Queryable } from './db.ts';

export type InboundAddress = {
  readonly environmentId: string;
  readonly environment: string;
  readonly integrationId: string;
  readonly provider: string;
  readonly providerConfigKey: string;
  readonly forwards: boolean;
};

/** The integration that an address from outside names; undefined for anything else. */
export async function integrationOfAddress(
  db: Queryable,
  address: { publicId: string; providerConfigKey: string },
): Promise<InboundAddress | undefined> {
  const result = await db.query<InboundAddress>({
    name: 'integration-of-address',
    text: `select e.id::text as "environmentId", e.name as environment, i.id::text as "integrationId", i.provider,
        i.unique_key as "providerConfigKey", i.forward_webhooks as forwards
      from environments e join integrations i on i.environment_id = e.id
      where e.public_id::text = $1::text and i.unique_key = $2::text`,
    values: [address.publicId.toLowerCase(), address.providerConfigKey],
  });
  return result.rows[0];
}

export async function publicIdOf(db: Queryable, environmentId: string): Promise<string | undefined> {
  const result = await db.query<{ publicId: string }>(
    `select public_id::text as "publicId" from environments where id = $1::bigint`,
    [environmentId],
  );
  return result.rows[0]?.publicId;
}

/** Where the provider of an integration is to send its webhooks. */
export async function webhookUrlOf(
  db: Queryable,
  at: { readonly publicUrl: string; readonly environmentId: string; readonly providerConfigKey: string },
): Promise<string> {
  const publicId = (await publicIdOf(db, at.environmentId)) ?? '';
  return new URL(`/webhook/${publicId}/${encodeURIComponent(at.providerConfigKey)}`, at.publicUrl).href;
}

const EXPIRED_PER_CALL = 20;

/** Notes an event and answers its number; undefined when it has come before. */
export async function addInbound(
  db: Queryable,
  event: {
    environmentId: string;
    integrationId: string;
    eventId: string | null;
    type: string | null;
    at: Date;
    keptFrom: Date;
  },
): Promise<string | undefined> {
  // A few with each call: as many go as come.
  await db.query(
    `delete from inbound_webhooks where id in (
       select id from inbound_webhooks where received_at < $1::timestamptz order by received_at limit $2::int
       for update skip locked)`,
    [event.keptFrom, EXPIRED_PER_CALL],
  );
  const result = await db.query<{ id: string }>(
    `insert into inbound_webhooks (environment_id, integration_id, event_id, type, received_at)
     values ($1::bigint, $2::bigint, $3::text, $4::text, $5::timestamptz)
     on conflict on constraint inbound_webhooks_event do nothing
     returning id::text`,
    [event.environmentId, event.integrationId, event.eventId, event.type, event.at],
  );
  return result.rows[0]?.id;
}

export type Addressee = { readonly id: string; readonly connectionId: string; readonly override: string | null };

/** The connections of an integration that have one of these values in its place, by id. */
export async function addressees(
  db: Queryable,
  integrationId: string,
  accounts: readonly { readonly place: string; readonly key: string; readonly value: string }[],
): Promise<Addressee[]> {
  if (accounts.length === 0) return [];
  const result = await db.query<Addressee>(
    `select c.id::text, c.connection_id as "connectionId", c.webhook_url_override as override
     from connections c
     where c.integration_id = $1::bigint and c.accepted and exists (
       select from jsonb_to_recordset($2::jsonb) as a (place text, key text, value text)
       where case a.place
         when 'connectionId' then c.connection_id = a.value
         when 'metadata' then c.metadata ->> a.key = a.value
         else c.connection_config ->> a.key = a.value
       end)
     order by c.id`,
    [integrationId, JSON.stringify(accounts)],
  );
  return result.rows;
}

/** Adds what a webhook told of an account to the connection_config of these connections; what they have stays. */
export async function addConnectionConfig(
  db: Queryable,
  connectionRows: readonly string[],
  values: Readonly<Record<string, unknown>>,
): Promise<void> {
  await db.query(
    `update connections set connection_config = $2::jsonb || connection_config where id = any($1::bigint[])`,
    [connectionRows, JSON.stringify(values)],
  );
}

/** The syncs of these connections that subscribe to this type, or to all (`*`), and are not paused. */
export async function subscribedSyncs(
  db: Queryable,
  connectionRows: readonly string[],
  type: string | null,
): Promise<string[]> {
  const result = await db.query<{ id: string }>(
    `select y.id::text
     from syncs y join scripts s on s.id = y.script_id
     where y.connection_id = any($1::bigint[]) and y.variant = 'base' and not y.paused
       and s.webhook_subscriptions && array['*', $2::text]
     order by y.id`,
    [connectionRows, type],
  );
  return result.rows.map(({ id }) => id);
}

export type WebhookRun = { readonly runId: string; readonly workflowId: string };

// One that has failed once (its generation tells) is tried again in its own time and holds nothing back.
const FIRST_IN_LINE = `r.kind = 'webhook' and r.state = 'queued' and not exists (
    select from runs e
    where e.kind = 'webhook' and e.sync_id = r.sync_id and e.webhook_id < r.webhook_id and e.generation = 0
      and e.state in ('queued', 'running', 'waiting'))`;

/** The runs of these syncs that may begin: of each sync the oldest, when nothing before it is still in its first try. */
export async function nextWebhookRuns(db: Queryable, syncIds: readonly string[]): Promise<WebhookRun[]> {
  const result = await db.query<WebhookRun>(
    `select r.id as "runId", r.workflow_id as "workflowId" from runs r
     where r.sync_id = any($1::bigint[]) and ${FIRST_IN_LINE}`,
    [syncIds],
  );
  return result.rows;
}

/** The same of all syncs, where it should have begun by then: the process that was to start it died. */
export async function overdueWebhookRuns(db: Queryable, before: Date, limit: number): Promise<WebhookRun[]> {
  const result = await db.query<WebhookRun>(
    `select r.id as "runId", r.workflow_id as "workflowId" from runs r
     where r.started_by = 'webhook' and r.created_at < $1::timestamptz and ${FIRST_IN_LINE}
     order by r.created_at
     limit $2::int`,
    [before, limit],
  );
  return result.rows;
}
