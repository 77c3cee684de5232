import type { Queryable } from './db.ts';

export type ApiLimit = { readonly until: Date; readonly reason: string };

/** For whom a limit holds: the connection that met it, or all connections of its integration. */
export type LimitScope = 'connection' | 'integration';

const NOTE: Readonly<Record<LimitScope, string>> = {
  connection: `insert into connection_limits as l (connection_id, until, reason)
    values ($1::bigint, $2::timestamptz, $3::text)
    on conflict (connection_id) do update`,
  integration: `insert into integration_limits as l (integration_id, until, reason)
    select integration_id, $2::timestamptz, $3::text from connections where id = $1::bigint
    on conflict (integration_id) do update`,
};

/** Notes that an API refuses a connection, or its whole integration, until then; a later moment wins. */
export async function noteLimit(
  db: Queryable,
  connectionRow: string,
  { until, reason, scope }: ApiLimit & { readonly scope: LimitScope },
): Promise<void> {
  await db.query(`${NOTE[scope]} set until = excluded.until, reason = excluded.reason where l.until < excluded.until`, [
    connectionRow,
    until,
    reason,
  ]);
}

/** The limit of a connection that holds longest of those that still hold at `at`, its integration's among them. */
export async function currentLimit(db: Queryable, connectionRow: string, at: Date): Promise<ApiLimit | undefined> {
  const result = await db.query<ApiLimit>({
    name: 'current-limit',
    text: `select until, reason from (
        select until, reason from connection_limits where connection_id = $1::bigint
        union all
        select l.until, l.reason
        from connections c join integration_limits l on l.integration_id = c.integration_id
        where c.id = $1::bigint
      ) as limits
      where until > $2::timestamptz
      order by until desc
      limit 1`,
    values: [connectionRow, at],
  });
  return result.rows[0];
}
