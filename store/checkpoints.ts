import type { Queryable } from './db.ts';

export type CheckpointKey = {
  readonly connectionRow: string;
  readonly kind: 'sync' | 'action';
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

/** The checkpoints of these syncs, by the id of the sync; one without a checkpoint is absent. */
export async function checkpointsOfSyncs(
  db: Queryable,
  syncIds: readonly string[],
): Promise<Map<string, Readonly<Record<string, unknown>>>> {
  const result = await db.query<{ id: string; value: Record<string, unknown> }>(
    `select y.id::text, k.value
     from syncs y
       join scripts s on s.id = y.script_id
       join checkpoints k on k.connection_id = y.connection_id and k.kind = 'sync' and k.name = s.name
         and k.variant = y.variant
     where y.id = any($1::bigint[])`,
    [syncIds],
  );
  return new Map(result.rows.map(({ id, value }) => [id, value]));
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
