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
    `insert into api_keys (environment_id, hash, prefix, created_at)
     values ($1::bigint, $2::bytea, $3::text, $4::timestamptz)`,
    [environmentId, hashKey(key), key.slice(0, 8), at],
  );
  return key;
}

/** Stores a key that already exists elsewhere (a restored `.env`); storing it again changes nothing. */
export async function importApiKey(db: Queryable, environmentId: string, key: string, at: Date): Promise<void> {
  await db.query(
    `insert into api_keys (environment_id, hash, prefix, created_at)
     values ($1::bigint, $2::bytea, $3::text, $4::timestamptz)
     on conflict on constraint api_keys_hash do nothing`,
    [environmentId, hashKey(key), key.slice(0, 8), at],
  );
}

function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
