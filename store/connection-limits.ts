import type { Queryable } from './db.ts';

export type ConnectionLimit = { readonly until: Date; readonly reason: string };

/** Notes that an API refuses a connection until then; a later moment wins. */
export async function noteLimit(db: Queryable, connectionRow: string, limit: ConnectionLimit): Promise<void> {
  await db.query(
    `insert into connection_limits as l (connection_id, until, reason)
     values ($1::bigint, $2::timestamptz, $3::text)
     on conflict (connection_id) do update
       set until = excluded.until, reason = excluded.reason
       where l.until < excluded.until`,
    [connectionRow, limit.until, limit.reason],
  );
}

/** The limit of a connection that still holds at `at`. */
export async function currentLimit(
  db: Queryable,
  connectionRow: string,
  at: Date,
): Promise<ConnectionLimit | undefined> {
  const result = await db.query<ConnectionLimit>({
    name: 'current-limit',
    text: `select until, reason from connection_limits where connection_id = $1::bigint and until > $2::timestamptz`,
    values: [connectionRow, at],
  });
  return result.rows[0];
}
