/** Credentials of connections in Postgres: read with what a refresh needs, held by one process, written by version. */
import type { CredentialVault, Credentials, Granted, RefreshFailure, RefreshState } from '../contract/credentials.ts';
import { announceAuth } from './auth-webhooks.ts';
import { type Database, type Queryable, withTransaction } from './db.ts';
import type { SecretBox } from './secret-box.ts';

type Row = Omit<RefreshState, 'credentials' | 'integration'> & {
  readonly sealedCredentials: string;
  readonly sealedIntegration: string | null;
};

const LONGEST_HOLD_MS = 60_000;

/**
 * @param holds a pool of its own for holds, which last as long as a token request: they must not use up the connections
 * that everything else waits for.
 */
export function createCredentialVault(deps: {
  readonly db: Database;
  readonly holds: Database;
  readonly box: SecretBox;
  /** Longer than a token request may take: a holder that is silent for so long is frozen. @default 60 000 */
  readonly longestHoldMs?: number;
}): CredentialVault {
  const { db, holds, box, longestHoldMs = LONGEST_HOLD_MS } = deps;
  return {
    read: (connection) => readState(db, box, connection),
    exclusively: (connection, work) =>
      withTransaction(holds, async (hold) => {
        await hold.query(`set local idle_in_transaction_session_timeout = ${longestHoldMs}`);
        await hold.query(
          `select pg_advisory_xact_lock(hashtextextended('nango-temporal credentials ' || $1::text, 0))`,
          [connection],
        );
        return work();
      }),
    begin: (connection, version, at) => beginRefresh(db, connection, version, at),
    keep: (connection, version, granted, at) =>
      keepGranted(db, { connection, version, granted, sealed: seal(box, granted.credentials), at }),
    fail: (connection, version, failure) => noteFailure(db, connection, version, failure),
  };
}

async function readState(db: Queryable, box: SecretBox, connection: number): Promise<RefreshState | undefined> {
  const result = await db.query<Row>({
    name: 'refresh-state',
    text: `select c.id::int, c.environment_id::text as "environmentId", c.connection_id as "connectionId", i.unique_key as "providerConfigKey", i.provider,
        c.connection_config as "connectionConfig", c.credentials as "sealedCredentials",
        i.credentials as "sealedIntegration", c.credentials_version as version, c.expires_at as "expiresAt",
        c.refresh_at as "refreshAt", c.refresh_failures as failures, c.refresh_error as error,
        c.refresh_retry_at as "retryAt", c.auth_failed_at as "authFailedAt", c.refresh_begun_at as "begunAt",
        c.credentials_at as "keptAt"
      from connections c join integrations i on i.id = c.integration_id
      where c.id = $1::bigint`,
    values: [connection],
  });
  const row = result.rows[0];
  if (row === undefined) return undefined;
  const { sealedCredentials, sealedIntegration, ...state } = row;
  return {
    ...state,
    credentials: open(box, sealedCredentials),
    integration: sealedIntegration === null ? {} : open(box, sealedIntegration),
  };
}

async function beginRefresh(db: Queryable, connection: number, version: number, at: Date): Promise<boolean> {
  const result = await db.query(
    `update connections set refresh_begun_at = $3::timestamptz
     where id = $1::bigint and credentials_version = $2::int`,
    [connection, version, at],
  );
  return result.rowCount === 1;
}

async function keepGranted(
  db: Queryable,
  write: { connection: number; version: number; granted: Granted; sealed: string; at: Date },
): Promise<boolean> {
  const { granted } = write;
  const result = await db.query(
    `update connections
     set credentials = $3::text, credentials_version = credentials_version + 1, expires_at = $4::timestamptz,
       refresh_at = $5::timestamptz, connection_config = connection_config || $6::jsonb, refresh_begun_at = null,
       refresh_failures = 0, refresh_error = null, refresh_retry_at = null, auth_failed_at = null,
       credentials_at = $7::timestamptz, updated_at = $7::timestamptz
     where id = $1::bigint and credentials_version = $2::int`,
    [
      write.connection,
      write.version,
      write.sealed,
      granted.expiresAt,
      granted.refreshAt,
      JSON.stringify(granted.connectionConfig ?? {}),
      write.at,
    ],
  );
  return result.rowCount === 1;
}

function noteFailure(db: Database, connection: number, version: number, failure: RefreshFailure): Promise<boolean> {
  return withTransaction(db, async (transaction) => {
    // A connection that cannot sign in has its schedules held, which Temporal hears of by their revision.
    const result = await transaction.query<{ dead: boolean }>(
      `with failed as (
         update connections
         set refresh_failures = refresh_failures + 1, refresh_error = $3::text, refresh_retry_at = $4::timestamptz,
           refresh_begun_at = null,
           auth_failed_at = case when $4::timestamptz is null then $5::timestamptz end
         where id = $1::bigint and credentials_version = $2::int and auth_failed_at is null
         returning id, auth_failed_at is not null as dead
       ), held as (
         update syncs y set revision = y.revision + 1 from failed f where y.connection_id = f.id and f.dead
       )
       select dead from failed`,
      [connection, version, failure.error, failure.retryAt, failure.at],
    );
    if (result.rows[0]?.dead) {
      const { authMode, at } = failure;
      const error = { type: 'connection_unauthorized', description: failure.error };
      await announceAuth(transaction, { connectionRow: String(connection), operation: 'refresh', authMode, error, at });
    }
    return result.rowCount === 1;
  });
}

function seal(box: SecretBox, credentials: Credentials): string {
  return box.seal(JSON.stringify(credentials));
}

function open(box: SecretBox, sealed: string): Credentials {
  return JSON.parse(box.open(sealed)) as Credentials;
}
