/** Which of some secrets open anything at all, asked for many at once. */
import { createHash } from 'node:crypto';
import type { Queryable } from './db.ts';

/** Those of the secrets that are a key or a connect session, whether ended or not: whoever looks them up will see. */
export async function knownSecrets(db: Queryable, secrets: readonly string[]): Promise<ReadonlySet<string>> {
  const byHash = new Map(secrets.map((secret) => [createHash('sha256').update(secret).digest('hex'), secret]));
  const result = await db.query<{ hash: string }>(
    `select encode(asked.hash, 'hex') as hash
     from (select decode(text, 'hex') as hash from unnest($1::text[]) as text) as asked
     where exists (select from api_keys k where k.hash = asked.hash)
       or exists (select from connect_sessions s where s.hash = asked.hash)`,
    [[...byHash.keys()]],
  );
  return new Set(result.rows.map(({ hash }) => byHash.get(hash) ?? ''));
}
