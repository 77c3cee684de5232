import { onlyRow, type Queryable } from './db.ts';

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
};

const SELECT = `select c.id::text, c.environment_id::text as "environmentId", c.connection_id as "connectionId", c.integration_id::text as "integrationId",
    i.unique_key as "providerConfigKey", i.provider, c.credentials as "sealedCredentials",
    c.connection_config as "connectionConfig", c.metadata, c.created_at as "createdAt", c.updated_at as "updatedAt"
  from connections c join integrations i on i.id = c.integration_id`;

/**
 * Creates the connection, or renews an existing one: credentials and configuration are replaced, while id, metadata
 * (unless given) and records stay.
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
    at: Date;
  },
): Promise<{ readonly id: string; readonly created: boolean }> {
  const result = await db.query<{ id: string; created: boolean }>(
    `insert into connections as c
       (environment_id, integration_id, connection_id, credentials, connection_config, metadata, created_at, updated_at)
     values ($1::bigint, $2::bigint, $3::text, $4::text, $5::jsonb, coalesce($6::jsonb, '{}'), $7::timestamptz, $7::timestamptz)
     on conflict on constraint connections_key do update
       set credentials = excluded.credentials,
           connection_config = excluded.connection_config,
           metadata = coalesce($6::jsonb, c.metadata),
           updated_at = excluded.updated_at
     returning c.id::text, (c.xmax = 0) as created`,
    [
      connection.environmentId,
      connection.integrationId,
      connection.connectionId,
      connection.sealedCredentials,
      JSON.stringify(connection.connectionConfig),
      connection.metadata === undefined ? null : JSON.stringify(connection.metadata),
      connection.at,
    ],
  );
  return onlyRow(result, 'saveConnection');
}

export async function findConnection(
  db: Queryable,
  address: { environmentId: string; providerConfigKey: string; connectionId: string },
): Promise<Connection | undefined> {
  const result = await db.query<Connection>({
    name: 'find-connection',
    text: `${SELECT} where i.environment_id = $1::bigint and i.unique_key = $2::text and c.connection_id = $3::text`,
    values: [address.environmentId, address.providerConfigKey, address.connectionId],
  });
  return result.rows[0];
}

export async function connectionById(db: Queryable, id: string): Promise<Connection | undefined> {
  const result = await db.query<Connection>({
    name: 'connection-by-id',
    text: `${SELECT} where c.id = $1::bigint`,
    values: [id],
  });
  return result.rows[0];
}

/** Connections of an environment, oldest first; the filters that are null do not apply. */
export async function listConnections(
  db: Queryable,
  filter: {
    environmentId: string;
    connectionId: string | null;
    providerConfigKeys: readonly string[] | null;
    limit: number;
    offset: number;
  },
): Promise<Connection[]> {
  const result = await db.query<Connection>(
    `${SELECT}
     where c.environment_id = $1::bigint
       and ($2::text is null or c.connection_id = $2::text)
       and ($3::text[] is null or i.unique_key = any($3::text[]))
     order by c.id
     limit $4::int offset $5::int`,
    [filter.environmentId, filter.connectionId, filter.providerConfigKeys, filter.limit, filter.offset],
  );
  return result.rows;
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
