/** Connections by the page: those of an environment, and those whose token is due. */
import { type Connection, jsonOrNull, SELECT_CONNECTION } from './connections.ts';
import type { Queryable } from './db.ts';

/** Connections whose token is due, was written before that moment, and may be asked for now; by id, after `afterId`. */
export async function idleConnections(
  db: Queryable,
  page: { now: Date; writtenBefore: Date; afterId: string; limit: number },
): Promise<Connection[]> {
  const result = await db.query<Connection>(
    `${SELECT_CONNECTION}
     where c.id > $1::bigint
       and c.auth_failed_at is null
       and c.refresh_at <= $2::timestamptz
       and (c.refresh_retry_at is null or c.refresh_retry_at <= $2::timestamptz)
       and (c.credentials_at is null or c.credentials_at < $3::timestamptz)
     order by c.id
     limit $4::int`,
    [page.afterId, page.now, page.writtenBefore, page.limit],
  );
  return result.rows;
}

/** Connections of an environment, oldest first; the filters that are null do not apply. */
export async function listConnections(
  db: Queryable,
  filter: {
    environmentId: string;
    connectionId: string | null;
    providerConfigKeys: readonly string[] | null;
    endUserId?: string | null;
    organizationId?: string | null;
    tags?: Readonly<Record<string, string>> | null;
    /** Part of the id, or of the end user's id, name or address. */
    search?: string | null;
    /** Only those whose person has to sign in again. */
    withError?: boolean;
    limit: number;
    offset: number;
  },
): Promise<Connection[]> {
  const result = await db.query<Connection>(
    `${SELECT_CONNECTION}
     where c.environment_id = $1::bigint and c.accepted
       and ($2::text is null or c.connection_id = $2::text)
       and ($3::text[] is null or i.unique_key = any($3::text[]))
       and ($6::text is null or c.end_user ->> 'id' = $6::text)
       and ($7::text is null or c.end_user -> 'organization' ->> 'id' = $7::text)
       and ($8::jsonb is null or c.tags @> $8::jsonb)
       and ($9::text is null or strpos(lower(concat_ws(' ', c.connection_id, c.end_user ->> 'id',
         c.end_user ->> 'email', c.end_user ->> 'display_name')), lower($9::text)) > 0)
       and (not $10::boolean or c.auth_failed_at is not null)
     order by c.id
     limit $4::int offset $5::int`,
    [
      filter.environmentId,
      filter.connectionId,
      filter.providerConfigKeys,
      filter.limit,
      filter.offset,
      filter.endUserId ?? null,
      filter.organizationId ?? null,
      jsonOrNull(filter.tags),
      filter.search ?? null,
      filter.withError ?? false,
    ],
  );
  return result.rows;
}
