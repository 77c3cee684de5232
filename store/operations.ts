/** Operations that no other table knows of: written in batches, read by lists, removed when they are old. */
import { v7 as newId } from 'uuid';
import type { NewOperation, OperationMessage } from '../contract/operation.ts';
import { runIdsBefore } from './allocation.ts';
import type { Queryable } from './db.ts';

export type OperationRow = NewOperation & { readonly id: string };

/** An operation's id; ids sort by the time it began. */
export function operationIdAt(at: Date): string {
  return newId({ msecs: at.getTime() });
}

/** Adds operations; one that is there already is left alone, so a batch may be written again. */
export async function addOperations(db: Queryable, operations: readonly OperationRow[]): Promise<void> {
  await db.query({
    name: 'add-operations',
    text: `insert into operations (id, environment_id, type, operation, status, provider_config_key, connection_id, summary,
        error, created_at, ended_at, messages)
      select x.id, x."environmentId", x.type, x.operation, x.status, x."providerConfigKey", x."connectionId", x.summary,
        nullif(x.error, 'null'), x."startedAt", x."endedAt", x.messages
      from jsonb_to_recordset($1::jsonb) as x (id text, "environmentId" bigint, type text, operation text, status text,
        "providerConfigKey" text, "connectionId" text, summary text, error jsonb, "startedAt" timestamptz,
        "endedAt" timestamptz, messages jsonb)
      on conflict (id) do nothing`,
    values: [JSON.stringify(operations, storable)],
  });
}

/** The messages of one operation; undefined when there is none of that id. */
export async function messagesOfOperation(
  db: Queryable,
  environmentId: string,
  id: string,
): Promise<OperationMessage[] | undefined> {
  const result = await db.query<{ messages: OperationMessage[] }>(
    `select messages from operations where id = $1::text and environment_id = $2::bigint`,
    [id, environmentId],
  );
  return result.rows[0]?.messages;
}

/** Removes at most `limit` operations that began before that time; answers how many. */
export async function removeOperations(db: Queryable, before: Date, limit: number): Promise<number> {
  const result = await db.query(
    `delete from operations
     where id = any(array(select id from operations where id < $1::text order by id limit $2::int))`,
    [runIdsBefore(before), limit],
  );
  return result.rowCount ?? 0;
}

// Postgres takes neither NUL nor half a character.
function storable(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : value;
}
