/** Who did what to an environment: keys, deployments and deletions. Rows are added and read, never changed. */
import type { Queryable } from './db.ts';

export type AuditAction =
  | 'key.created'
  | 'key.rotated'
  | 'key.revoked'
  | 'deployment'
  | 'connection.deleted'
  | 'integration.deleted'
  | 'function.deleted'
  | 'sync_variant.deleted'
  | 'deletions.confirmed'
  | 'webhook_signing_key.rotated'
  | 'environment_variables.replaced';

/** Who asked: the visible beginning of the secret key and the caller's address; none for the operator's own commands. */
export type Actor = { readonly keyPrefix: string | null; readonly address: string | null };

export type AuditEntry = {
  readonly environmentId: string;
  readonly action: AuditAction;
  /** What it was done to, by the name people know it under. */
  readonly subject: string;
  readonly actor: Actor;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly at: Date;
};

export type AuditRow = Omit<AuditEntry, 'environmentId' | 'actor'> &
  Actor & { readonly id: string; readonly detail: Readonly<Record<string, unknown>> };

/** Adds an entry; in the transaction of what it tells of, so that neither is there without the other. */
export async function addAuditEntry(db: Queryable, entry: AuditEntry): Promise<void> {
  const { actor } = entry;
  await db.query(
    `insert into audit_log (environment_id, at, action, subject, key_prefix, address, detail)
     values ($1::bigint, $2::timestamptz, $3::text, $4::text, $5::text, $6::text, $7::jsonb)`,
    [
      ...[entry.environmentId, entry.at, entry.action, entry.subject],
      ...[actor.keyPrefix, actor.address, JSON.stringify(entry.detail ?? {})],
    ],
  );
}

/** Entries of an environment, newest first; `before` is the id of one that was seen. */
export async function listAuditEntries(
  db: Queryable,
  filter: { environmentId: string; before: string | null; limit: number },
): Promise<AuditRow[]> {
  const result = await db.query<AuditRow>(
    `select a.id::text, a.at, a.action, a.subject, a.key_prefix as "keyPrefix", a.address, a.detail
     from audit_log a
     where a.environment_id = $1::bigint and ($2::bigint is null or a.id < $2::bigint)
     order by a.id desc
     limit $3::int`,
    [filter.environmentId, filter.before, filter.limit],
  );
  return result.rows;
}
