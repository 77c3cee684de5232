/** Idempotency keys of action calls (the Idempotency-Key header, IETF draft-ietf-httpapi-idempotency-key-header). */
import type { Queryable } from './db.ts';

export type KeyedCall = {
  readonly connectionRow: string;
  readonly action: string;
  readonly key: string;
  /** SHA-256 of the input's canonical JSON. */
  readonly inputHash: Buffer;
};

export type KeyHolder = { readonly runId: string; readonly workflowId: string; readonly sameInput: boolean };

const EXPIRED_PER_CLAIM = 20;

/**
 * Claims a key for a run that is about to be written in the same transaction. Answers the run that has it already; a
 * concurrent claim waits for the other's transaction.
 */
export async function claimKey(
  db: Queryable,
  call: KeyedCall & { readonly runId: string; readonly at: Date; readonly lifeMs: number },
): Promise<KeyHolder | undefined> {
  await dropExpired(db, call.at);
  const expiresAt = new Date(call.at.getTime() + call.lifeMs);
  const claimed = await db.query(
    `insert into action_keys as k (connection_id, action, key, input_hash, run_id, expires_at)
     values ($1::bigint, $2::text, $3::text, $4::bytea, $5::text, $6::timestamptz)
     on conflict (connection_id, action, key) do update
       set input_hash = excluded.input_hash, run_id = excluded.run_id, expires_at = excluded.expires_at
       where k.expires_at <= $7::timestamptz`,
    [call.connectionRow, call.action, call.key, call.inputHash, call.runId, expiresAt, call.at],
  );
  if (claimed.rowCount === 1) return undefined;
  const held = await db.query<KeyHolder>(
    `select r.id as "runId", r.workflow_id as "workflowId", k.input_hash = $4::bytea as "sameInput"
     from action_keys k join runs r on r.id = k.run_id
     where k.connection_id = $1::bigint and k.action = $2::text and k.key = $3::text`,
    [call.connectionRow, call.action, call.key, call.inputHash],
  );
  return held.rows[0];
}

/** Gives a key free whose run never began, so that the caller may try again with it. */
export async function releaseKey(db: Queryable, runId: string): Promise<void> {
  await db.query(`delete from action_keys where run_id = $1::text`, [runId]);
}

// A few with each claim: as many go as come, and no job of its own is needed. Locked ones are left to whoever has them.
async function dropExpired(db: Queryable, at: Date): Promise<void> {
  await db.query(
    `delete from action_keys where (connection_id, action, key) in (
       select connection_id, action, key from action_keys
       where expires_at <= $1::timestamptz
       order by expires_at
       limit $2::int
       for update skip locked)`,
    [at, EXPIRED_PER_CLAIM],
  );
}
