/** Secret keys as their owners see them. The key itself is known once, to whoever made it; here is its hash. */
import { createHash, randomUUID } from 'node:crypto';
import { onlyRow, type Queryable } from './db.ts';
import type { Environment } from './environments.ts';

export type ApiKey = {
  readonly id: string;
  readonly displayName: string | null;
  /** The first characters of the key. */
  readonly prefix: string;
  /** What the key may do; null: everything in its environment. */
  readonly scopes: readonly string[] | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  /** To the minute, roughly. */
  readonly lastUsedAt: Date | null;
};
export type KeyWishes = Pick<ApiKey, 'displayName' | 'scopes' | 'expiresAt'>;

const COLUMNS = `id::text, display_name as "displayName", prefix, scopes, created_at as "createdAt",
    expires_at as "expiresAt", last_used_at as "lastUsedAt"`;

/** All keys of the environment, ended ones too, in the order in which they were made. */
export async function listApiKeys(db: Queryable, environmentId: string): Promise<ApiKey[]> {
  const result = await db.query<ApiKey>(
    `select ${COLUMNS} from api_keys where environment_id = $1::bigint order by api_keys.id`,
    [environmentId],
  );
  return result.rows;
}

export async function findApiKey(db: Queryable, environmentId: string, id: string): Promise<ApiKey | undefined> {
  const result = await db.query<ApiKey>(
    `select ${COLUMNS} from api_keys where environment_id = $1::bigint and id::text = $2::text`,
    [environmentId, id],
  );
  return result.rows[0];
}

/** Makes a key and answers it in `secret`: the only time it can be seen. */
export async function addApiKey(
  db: Queryable,
  environmentId: string,
  wishes: KeyWishes,
  at: Date,
): Promise<ApiKey & { readonly secret: string }> {
  const secret = randomUUID();
  const result = await db.query<ApiKey>(
    `insert into api_keys (environment_id, hash, prefix, display_name, scopes, expires_at, created_at)
     values ($1::bigint, $2::bytea, $3::text, $4::text, $5::text[], $6::timestamptz, $7::timestamptz)
     returning ${COLUMNS}`,
    [environmentId, hashKey(secret), secret.slice(0, 8), wishes.displayName, wishes.scopes, wishes.expiresAt, at],
  );
  return { ...onlyRow(result, 'addApiKey'), secret };
}

/** Lets the key end at that time, or earlier where it would anyway. */
export async function endApiKey(db: Queryable, id: string, at: Date): Promise<void> {
  await db.query(`update api_keys set expires_at = least(expires_at, $2::timestamptz) where id = $1::bigint`, [id, at]);
}

export async function deleteApiKey(db: Queryable, id: string): Promise<void> {
  await db.query(`delete from api_keys where id = $1::bigint`, [id]);
}

export type OpenedBy = Environment & Pick<ApiKey, 'scopes' | 'expiresAt'> & { readonly keyId: string };

/**
 * The environment a secret key opens, while it has not ended. Looked up by hash, so no comparison of secrets can leak by
 * its timing.
 */
export async function openedBy(db: Queryable, key: string, at: Date): Promise<OpenedBy | undefined> {
  const result = await db.query<OpenedBy>({
    name: 'opened-by',
    text: `select e.id::text, e.name, k.id::text as "keyId", k.scopes, k.expires_at as "expiresAt"
           from api_keys k join environments e on e.id = k.environment_id
           where k.hash = $1::bytea and (k.expires_at is null or k.expires_at > $2::timestamptz)`,
    values: [hashKey(key), at],
  });
  return result.rows[0];
}

/** Notes that the key was used; not more than once a minute, so that readers do not become writers. */
export async function noteKeyUse(db: Queryable, id: string, at: Date): Promise<void> {
  await db.query(
    `update api_keys set last_used_at = $2::timestamptz
     where id = $1::bigint and (last_used_at is null or last_used_at < $2::timestamptz - interval '1 minute')`,
    [id, at],
  );
}

function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
