import { onlyRow, type Queryable } from './db.ts';
import type { SecretBox } from './secret-box.ts';

/** A connection as stored; its credentials are sealed (secret-box.ts) and stay so until the moment of use. */
export type Connection = {
  readonly id: string;
  readonly environmentId: string;
  readonly connectionId: string;
  readonly integrationId: string;
  readonly providerConfigKey: string;
  readonly provider: string;
  readonly sealedCredentials: string;
  readonly connectionConfig: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Grows with every writing of credentials. */
  readonly version: number;
  readonly expiresAt: Date | null;
  readonly refreshAt: Date | null;
  /** Since when the person has to sign in again, and why; an outage leaves a reason as well. */
  readonly authFailedAt: Date | null;
  readonly refreshError: string | null;
  readonly endUser: EndUser | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly webhookUrlOverride: string | null;
  readonly lastFetchedAt: Date | null;
};

/** Whom the connection belongs to, in the product's own words. */
export type EndUser = {
  readonly id: string;
  readonly email?: string | null | undefined;
  readonly display_name?: string | null | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly organization?: { readonly id: string; readonly display_name?: string | null | undefined } | null | undefined;
};

/** Of connections `c`, with their integrations `i`; conditions are to follow. */
export const SELECT_CONNECTION = `select c.id::text, c.environment_id::text as "environmentId", c.connection_id as "connectionId", c.integration_id::text as "integrationId",
    i.unique_key as "providerConfigKey", i.provider, c.credentials as "sealedCredentials",
    c.connection_config as "connectionConfig", c.metadata, c.created_at as "createdAt", c.updated_at as "updatedAt",
    c.credentials_version as version, c.expires_at as "expiresAt", c.refresh_at as "refreshAt",
    c.auth_failed_at as "authFailedAt", c.refresh_error as "refreshError", c.end_user as "endUser", c.tags,
    c.webhook_url_override as "webhookUrlOverride", c.last_fetched_at as "lastFetchedAt"
  from connections c join integrations i on i.id = c.integration_id`;

/**
 * Creates the connection, or renews an existing one: credentials and configuration are replaced, while id, metadata, end
 * user and tags (unless given) and records stay. A connection that had to be signed in again is alive then, and the
 * schedules that were held for it go on.
 */
export async function saveConnection(
  db: Queryable,
  connection: {
    environmentId: string;
    integrationId: string;
    connectionId: string;
    sealedCredentials: string;
    connectionConfig: Readonly<Record<string, unknown>>;
    metadata: Readonly<Record<string, unknown>> | undefined;
    expiresAt?: Date | null;
    refreshAt?: Date | null;
    endUser?: EndUser | null | undefined;
    tags?: Readonly<Record<string, string>> | undefined;
    webhookUrlOverride?: string | null | undefined;
    /** False: it is not shown until `acceptConnection`. @default true */
    accepted?: boolean;
    at: Date;
  },
): Promise<{ readonly id: string; readonly created: boolean }> {
  const result = await db.query<{ id: string; created: boolean }>(
    `with saved as (
       insert into connections as c
         (environment_id, integration_id, connection_id, credentials, connection_config, metadata, created_at, updated_at,
          expires_at, refresh_at, end_user, tags, webhook_url_override, accepted)
       values ($1::bigint, $2::bigint, $3::text, $4::text, $5::jsonb, coalesce($6::jsonb, '{}'), $7::timestamptz,
         $7::timestamptz, $8::timestamptz, $9::timestamptz, $10::jsonb, coalesce($11::jsonb, '{}'), $12::text, $13::boolean)
       on conflict on constraint connections_key do update
         set credentials = excluded.credentials,
             credentials_version = c.credentials_version + 1,
             credentials_at = null,
             expires_at = excluded.expires_at,
             refresh_at = excluded.refresh_at,
             refresh_begun_at = null, refresh_failures = 0, refresh_error = null, refresh_retry_at = null,
             auth_failed_at = null,
             connection_config = excluded.connection_config,
             metadata = coalesce($6::jsonb, c.metadata),
             end_user = coalesce($10::jsonb, c.end_user),
             tags = coalesce($11::jsonb, c.tags),
             webhook_url_override = coalesce($12::text, c.webhook_url_override),
             accepted = c.accepted or excluded.accepted,
             updated_at = excluded.updated_at
       returning c.id, (c.xmax = 0) as created
     ), held as (
       update syncs y set revision = y.revision + 1 from saved where y.connection_id = saved.id and not saved.created
     )
     select id::text, created from saved`,
    [
      connection.environmentId,
      connection.integrationId,
      connection.connectionId,
      connection.sealedCredentials,
      JSON.stringify(connection.connectionConfig),
      connection.metadata === undefined ? null : JSON.stringify(connection.metadata),
      connection.at,
      connection.expiresAt ?? null,
      connection.refreshAt ?? null,
      jsonOrNull(connection.endUser),
      jsonOrNull(connection.tags),
      connection.webhookUrlOverride ?? null,
      connection.accepted ?? true,
    ],
  );
  return onlyRow(result, 'saveConnection');
}

/** Shows a connection that was saved without being accepted. False when it was shown before: it is no new one. */
export async function acceptConnection(db: Queryable, id: string): Promise<boolean> {
  const result = await db.query(`update connections set accepted = true where id = $1::bigint and not accepted`, [id]);
  return result.rowCount === 1;
}

/** Removes a connection that was never accepted. False when it was: it stays. */
export async function discardConnection(db: Queryable, id: string): Promise<boolean> {
  const result = await db.query(`delete from connections where id = $1::bigint and not accepted`, [id]);
  return result.rowCount === 1;
}

/** The same for all that nobody has accepted since then: the process that was to say so died. */
export async function discardForgotten(db: Queryable, before: Date): Promise<void> {
  await db.query(`delete from connections where not accepted and created_at < $1::timestamptz`, [before]);
}

/** Marks a connection whose new credentials were refused here: its schedules are held until it is signed in again. */
export async function refuseCredentials(
  db: Queryable,
  refusal: { id: string; error: string; at: Date },
): Promise<void> {
  await db.query(
    `with refused as (
       update connections
       set auth_failed_at = $3::timestamptz, refresh_error = $2::text, refresh_retry_at = null
       where id = $1::bigint returning id
     )
     update syncs y set revision = y.revision + 1 from refused r where y.connection_id = r.id`,
    [refusal.id, refusal.error, refusal.at],
  );
}

export async function findConnection(
  db: Queryable,
  address: { environmentId: string; providerConfigKey: string; connectionId: string },
): Promise<Connection | undefined> {
  const result = await db.query<Connection>({
    name: 'find-connection',
    text: `${SELECT_CONNECTION} where i.environment_id = $1::bigint and i.unique_key = $2::text and c.connection_id = $3::text
      and c.accepted`,
    values: [address.environmentId, address.providerConfigKey, address.connectionId],
  });
  return result.rows[0];
}

/** The rows of connections with that id: of one integration, or of any (`null`). */
export async function connectionRowsOf(
  db: Queryable,
  {
    environmentId,
    integrationId,
    connectionId,
  }: { environmentId: string; integrationId: string | null; connectionId: string },
): Promise<string[]> {
  const result = await db.query<{ id: string }>(
    `select id::text from connections
     where environment_id = $1::bigint and connection_id = $2::text
       and ($3::bigint is null or integration_id = $3::bigint)`,
    [environmentId, connectionId, integrationId],
  );
  return result.rows.map(({ id }) => id);
}

/** In a statement about runs `r`: the connection of each, in one column that `connectionIn` reads. */
export const CONNECTION_OF_RUN = `(select to_json(found) from (${SELECT_CONNECTION} where c.id = r.connection_id) found)`;

/** Moments are text in JSON. */
export type ConnectionColumn = {
  readonly [Name in keyof Connection]: Connection[Name] extends Date
    ? string
    : Date extends Connection[Name]
      ? string | null
      : Connection[Name];
};

export function connectionIn(column: ConnectionColumn): Connection {
  return {
    ...column,
    createdAt: new Date(column.createdAt),
    updatedAt: new Date(column.updatedAt),
    expiresAt: moment(column.expiresAt),
    refreshAt: moment(column.refreshAt),
    authFailedAt: moment(column.authFailedAt),
    lastFetchedAt: moment(column.lastFetchedAt),
  };
}

function moment(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

export async function connectionById(db: Queryable, id: string): Promise<Connection | undefined> {
  const result = await db.query<Connection>({
    name: 'connection-by-id',
    text: `${SELECT_CONNECTION} where c.id = $1::bigint`,
    values: [id],
  });
  return result.rows[0];
}

/** Changes whose the connection is, its tags and its webhook address; what is undefined stays. */
export async function patchConnection(
  db: Queryable,
  change: {
    id: string;
    endUser: EndUser | null | undefined;
    tags: Readonly<Record<string, string>> | undefined;
    webhookUrlOverride: string | null | undefined;
    at: Date;
  },
): Promise<void> {
  await db.query(
    `update connections
     set end_user = case when $2::boolean then $3::jsonb else end_user end,
         tags = coalesce($4::jsonb, tags),
         webhook_url_override = case when $5::boolean then $6::text else webhook_url_override end,
         updated_at = $7::timestamptz
     where id = $1::bigint`,
    [
      change.id,
      change.endUser !== undefined,
      jsonOrNull(change.endUser),
      jsonOrNull(change.tags),
      change.webhookUrlOverride !== undefined,
      change.webhookUrlOverride ?? null,
      change.at,
    ],
  );
}

/** Notes that somebody fetched the credentials. */
export async function noteFetched(db: Queryable, id: string, at: Date): Promise<void> {
  await db.query(`update connections set last_fetched_at = $2::timestamptz where id = $1::bigint`, [id, at]);
}

/** Deletes the connection with its syncs, runs and records. False when there was none. */
export async function deleteConnection(db: Queryable, id: string): Promise<boolean> {
  const result = await db.query(`delete from connections where id = $1::bigint`, [id]);
  return result.rowCount === 1;
}

/** Replaces the metadata, or merges the given keys into it (`merge`). */
export async function writeMetadata(
  db: Queryable,
  change: { id: string; metadata: Readonly<Record<string, unknown>>; merge: boolean; at: Date },
): Promise<void> {
  await db.query(
    `update connections
     set metadata = case when $3::boolean then metadata || $2::jsonb else $2::jsonb end,
         updated_at = $4::timestamptz
     where id = $1::bigint`,
    [change.id, JSON.stringify(change.metadata), change.merge, change.at],
  );
}

/** The connection as a call needs it, its credentials opened. */
export function openConnection(connection: Connection, box: SecretBox) {
  const { connectionId, provider, providerConfigKey, connectionConfig, metadata, version, expiresAt, refreshAt } =
    connection;
  return {
    id: Number(connection.id),
    connectionId,
    provider,
    providerConfigKey,
    connectionConfig,
    metadata,
    credentials: JSON.parse(box.open(connection.sealedCredentials)) as Readonly<Record<string, unknown>>,
    version,
    expiresAt,
    refreshAt,
  };
}

/** For a column of JSON: null, too, where nothing is given. */
export function jsonOrNull(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}
