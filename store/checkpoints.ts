import type { RunKind } from '../contract/script.ts';
import type { Queryable } from './db.ts';

export type CheckpointKey = {
  readonly connectionRow: string;
  readonly kind: RunKind;
  readonly name: string;
  readonly variant: string;
};

/** The last checkpoint as JSON text; undefined when there is none. */
export async function findCheckpoint(db: Queryable, key: CheckpointKey): Promise<string | undefined> {
  const result = await db.query<{ value: string }>(
    `select value::text from checkpoints
     where connection_id = $1::bigint and kind = $2::text and name = $3::text and variant = $4::text`,
    [key.connectionRow, key.kind, key.name, key.variant],
  );
  return result.rows[0]?.value;
}

/** Keeps a checkpoint, or clears it with null. */
export async function writeCheckpoint(
  db: Queryable,
  key: CheckpointKey,
  value: string | null,
  at: Date,
): Promise<void> {
  const names = [key.connectionRow, key.kind, key.name, key.variant];
  if (value === null) {
    await db.query(
      `delete from checkpoints
       where connection_id = $1::bigint and kind = $2::text and name = $3::text and variant = $4::text`,
      names,
    );
    return;
  }
  await db.query(
    `insert into checkpoints (connection_id, kind, name, variant, value, updated_at)
     values ($1::bigint, $2::text, $3::text, $4::text, $5::json, $6::timestamptz)
     on conflict (connection_id, kind, name, variant) do update
       set value = excluded.value, updated_at = excluded.updated_at`,
    [...names, value, at],
  );
}
