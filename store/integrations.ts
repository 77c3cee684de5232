import { onlyRow, type Queryable } from './db.ts';

export type Integration = {
  readonly id: string;
  readonly uniqueKey: string;
  readonly provider: string;
  readonly displayName: string | null;
  readonly forwardWebhooks: boolean;
  readonly custom: Readonly<Record<string, unknown>> | null;
  readonly integrationConfig: Readonly<Record<string, unknown>> | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

const COLUMNS = `id::text, unique_key as "uniqueKey", provider, display_name as "displayName",
  forward_webhooks as "forwardWebhooks", custom, integration_config as "integrationConfig",
  created_at as "createdAt", updated_at as "updatedAt"`;

/** @throws a unique violation of `integrations_key` when the key is taken. */
export async function createIntegration(
  db: Queryable,
  integration: {
    environmentId: string;
    uniqueKey: string;
    provider: string;
    displayName: string | null;
    sealedCredentials: string | null;
    forwardWebhooks?: boolean | undefined;
    custom?: Readonly<Record<string, unknown>> | undefined;
    integrationConfig?: Readonly<Record<string, unknown>> | undefined;
    at: Date;
  },
): Promise<Integration> {
  const result = await db.query<Integration>(
    `insert into integrations (environment_id, unique_key, provider, display_name, credentials, created_at, updated_at,
       forward_webhooks, custom, integration_config)
     values ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::timestamptz, $6::timestamptz,
       coalesce($7::boolean, true), $8::jsonb, $9::jsonb)
     returning ${COLUMNS}`,
    [
      integration.environmentId,
      integration.uniqueKey,
      integration.provider,
      integration.displayName,
      integration.sealedCredentials,
      integration.at,
      integration.forwardWebhooks ?? null,
      integration.custom === undefined ? null : JSON.stringify(integration.custom),
      integration.integrationConfig === undefined ? null : JSON.stringify(integration.integrationConfig),
    ],
  );
  return onlyRow(result, 'createIntegration');
}

/**
 * Changes an integration; what is undefined stays. New credentials let refreshes that failed because of the old ones be
 * tried again at once. @throws a unique violation of `integrations_key` when the new key is taken.
 */
export async function patchIntegration(
  db: Queryable,
  change: {
    id: string;
    uniqueKey: string | undefined;
    displayName: string | undefined;
    sealedCredentials: string | undefined;
    forwardWebhooks: boolean | undefined;
    custom: Readonly<Record<string, unknown>> | undefined;
    at: Date;
  },
): Promise<Integration> {
  const result = await db.query<Integration>(
    `with changed as (
       update integrations
       set unique_key = coalesce($2::text, unique_key), display_name = coalesce($3::text, display_name),
         credentials = coalesce($4::text, credentials), forward_webhooks = coalesce($5::boolean, forward_webhooks),
         custom = coalesce($6::jsonb, custom), updated_at = $7::timestamptz
       where id = $1::bigint
       returning *
     ), retried as (
       update connections set refresh_retry_at = null
       where integration_id = $1::bigint and $4::text is not null and refresh_retry_at is not null
     )
     select ${COLUMNS} from changed`,
    [
      change.id,
      change.uniqueKey ?? null,
      change.displayName ?? null,
      change.sealedCredentials ?? null,
      change.forwardWebhooks ?? null,
      change.custom === undefined ? null : JSON.stringify(change.custom),
      change.at,
    ],
  );
  return onlyRow(result, 'patchIntegration');
}

export async function integrationById(db: Queryable, id: string): Promise<Integration | undefined> {
  const result = await db.query<Integration>(`select ${COLUMNS} from integrations where id = $1::bigint`, [id]);
  return result.rows[0];
}

export async function listIntegrations(db: Queryable, environmentId: string): Promise<Integration[]> {
  const result = await db.query<Integration>(
    `select ${COLUMNS} from integrations where environment_id = $1::bigint order by unique_key`,
    [environmentId],
  );
  return result.rows;
}

export async function findIntegration(
  db: Queryable,
  environmentId: string,
  uniqueKey: string,
): Promise<Integration | undefined> {
  const result = await db.query<Integration>(
    `select ${COLUMNS} from integrations where environment_id = $1::bigint and unique_key = $2::text`,
    [environmentId, uniqueKey],
  );
  return result.rows[0];
}

/** Deletes the integration with its connections, scripts and records. False when there was none. */
export async function deleteIntegration(db: Queryable, environmentId: string, uniqueKey: string): Promise<boolean> {
  const result = await db.query(
    `delete from integrations where environment_id = $1::bigint and unique_key = $2::text`,
    [environmentId, uniqueKey],
  );
  return result.rowCount === 1;
}

/** The integration's sealed application credentials, null when it has none. */
export async function integrationCredentials(db: Queryable, id: string): Promise<string | null> {
  const result = await db.query<{ credentials: string | null }>(
    `select credentials from integrations where id = $1::bigint`,
    [id],
  );
  return result.rows[0]?.credentials ?? null;
}

export type IntegrationReach = { readonly id: string; readonly uniqueKey: string; readonly connections: number };

/** Every integration of the environment with its number of connections. */
export async function integrationReach(db: Queryable, environmentId: string): Promise<IntegrationReach[]> {
  const result = await db.query<IntegrationReach>(
    `select i.id::text, i.unique_key as "uniqueKey",
       (select count(*)::int from connections c where c.integration_id = i.id) as connections
     from integrations i
     where i.environment_id = $1::bigint
     order by i.unique_key`,
    [environmentId],
  );
  return result.rows;
}
