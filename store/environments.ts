import { createHash, randomUUID } from 'node:crypto';
import { onlyRow, type Queryable } from './db.ts';

export type Environment = { readonly id: string; readonly name: string };

/** Creates the environment unless it is there. `created` tells which. */
export async function ensureEnvironment(
  db: Queryable,
  name: string,
  at: Date,
): Promise<Environment & { created: boolean }> {
  const inserted = await db.query<Environment>(
    `insert into environments (name, created_at) values ($1::text, $2::timestamptz)
     on conflict on constraint environments_name do nothing
     returning id::text, name`,
    [name, at],
  );
  if (inserted.rows[0]) return { ...inserted.rows[0], created: true };
  const found = await db.query<Environment>(`select id::text, name from environments where name = $1::text`, [name]);
  return { ...onlyRow(found, `Environment '${name}'`), created: false };
}

export async function listEnvironments(db: Queryable): Promise<Environment[]> {
  const result = await db.query<Environment>(`select e.id::text, e.name from environments e order by e.id`);
  return result.rows;
}

/** Makes a secret key (UUID v4, as clients check), stores its hash and returns it: the only time it can be seen. */
export async function createApiKey(db: Queryable, environmentId: string, at: Date): Promise<string> {
  const key = randomUUID();
  await db.query(
    `with made as (
       insert into api_keys (environment_id, hash, prefix, created_at)
       values ($1::bigint, $2::bytea, $3::text, $4::timestamptz)
       returning prefix)
     insert into audit_log (environment_id, at, action, subject)
     select $1::bigint, $4::timestamptz, 'key.created', prefix from made`,
    [environmentId, hashKey(key), key.slice(0, 8), at],
  );
  return key;
}

/**
 * The environment that a key without limits and end opens. Looked up by hash, so no comparison of secrets can leak by its
 * timing.
 */
export async function environmentOfKey(db: Queryable, key: string): Promise<Environment | undefined> {
  return environmentOfKeyHash(db, hashKey(key));
}

/** The same for whoever kept the key's hash only; undefined once the key is gone. */
export async function environmentOfKeyHash(db: Queryable, hash: Buffer): Promise<Environment | undefined> {
  const result = await db.query<Environment>({
    name: 'environment-of-key',
    text: `select e.id::text, e.name
           from api_keys k join environments e on e.id = k.environment_id
           where k.hash = $1::bytea and k.scopes is null and k.expires_at is null`,
    values: [hash],
  });
  return result.rows[0];
}

/** What is stored of a secret key. */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
