/**
 * All operations in one list, newest first: runs and deliveries as they stand in their own tables, and what only the log
 * knows. Each source answers in the order of (created_at, id), so a page of the whole is the newest of their pages.
 */
import type { OperationError, OperationStatus, OperationType } from '../contract/operation.ts';
import { connectionRowsOf } from './connections.ts';
import type { Queryable } from './db.ts';
import { findIntegration } from './integrations.ts';
import type { Position } from './position.ts';

export type OperationView = {
  readonly id: string;
  readonly type: OperationType;
  readonly operation: string;
  readonly status: OperationStatus;
  readonly providerConfigKey: string | null;
  readonly connectionId: string | null;
  /** The script of a run; null for what is none. */
  readonly name: string | null;
  readonly summary: string;
  readonly error: OperationError | null;
  readonly createdAt: Date;
  /** Null while it is under way. */
  readonly endedAt: Date | null;
  readonly source: SourceName;
};
export type SourceName = 'run' | 'delivery' | 'log';

/** Null does not narrow. Times are those at which operations began: `from` on, before `to`. */
export type OperationFilter = {
  readonly environmentId: string;
  readonly types: readonly OperationType[] | null;
  readonly statuses: readonly OperationStatus[] | null;
  readonly providerConfigKey: string | null;
  readonly connectionId: string | null;
  readonly name: string | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly before: Position | null;
};

type Source = {
  readonly name: SourceName;
  /** All operations of the source with the columns of an OperationView. */
  readonly all: string;
  /** Whether its rows tell whose they are by rows of connections, which are looked up first, or by names. */
  readonly tells: 'rows' | 'names';
  /** Of a row `o` of it, the table's own row being `t`: whether it holds the text `$2`, in any case. */
  readonly table: string;
  readonly holds: string;
  readonly types: readonly OperationType[];
  /** Statuses of few rows, and the condition of the index that holds just these: word for word as it was made. */
  readonly rare: readonly { readonly statuses: readonly OperationStatus[]; readonly rows: string }[];
};

const RUN_STATUS = `case when r.state = 'queued' then 'waiting'
  when r.state = 'failed' and r.error->>'code' = 'script_timed_out' then 'timeout' else r.state end`;
const DELIVERY_STATUS = `case d.state when 'pending' then 'waiting' when 'delivered' then 'success' else 'failed' end`;

/** Constants only: whatever a caller says is a parameter. */
const SOURCES: readonly Source[] = [
  {
    name: 'log',
    tells: 'names',
    types: ['proxy', 'auth', 'webhook'],
    rare: [
      { statuses: ['running', 'waiting', 'failed', 'timeout', 'cancelled', 'skipped'], rows: `v.state <> 'success'` },
    ],
    table: 'operations',
    all: `select o.id, o.environment_id, o.type, o.operation, o.status, o.provider_config_key as "providerConfigKey",
        o.connection_id as "connectionId", null::text as name, o.summary, o.error, o.created_at as "createdAt",
        o.ended_at as "endedAt", o.status as state
      from operations o`,
    holds: `exists (select from jsonb_array_elements(t.messages) m
      where strpos(lower(concat_ws(' ', m->>'message', m->'http'->'request'->>'url')), $2::text) > 0)`,
  },
  {
    name: 'run',
    tells: 'rows',
    types: ['sync', 'action', 'events', 'webhook'],
    rare: [
      {
        statuses: ['failed', 'timeout', 'cancelled', 'skipped'],
        rows: `v.state in ('failed', 'cancelled', 'skipped')`,
      },
      { statuses: ['running', 'waiting'], rows: `v.state in ('queued', 'running', 'waiting')` },
    ],
    table: 'runs',
    all: `select r.id, r.environment_id,
        case when r.kind = 'webhook' then 'webhook' when r.started_by = 'event' then 'events' else r.kind end as type,
        case when r.kind = 'webhook' then 'sync'
          when r.started_by = 'event' then replace(coalesce(s.kind, 'run'), '-', '_') else 'run' end as operation,
        ${RUN_STATUS} as status, i.unique_key as "providerConfigKey", c.connection_id as "connectionId", r.name,
        coalesce(r.error->>'message', r.wait_reason, 'started by ' || r.started_by) as summary,
        case when r.error is not null
          then jsonb_build_object('code', r.error->>'code', 'message', r.error->>'message') end as error,
        r.created_at as "createdAt", r.finished_at as "endedAt", r.state, r.connection_id as "connectionRow",
        c.integration_id as "integrationRow"
      from runs r join connections c on c.id = r.connection_id join integrations i on i.id = c.integration_id
        left join scripts s on s.id = r.script_id`,
    holds: `exists (select from run_logs l where l.run_id = t.id and strpos(lower(l.message), $2::text) > 0)`,
  },
  {
    name: 'delivery',
    tells: 'rows',
    types: ['webhook'],
    rare: [
      // No delivery has the others.
      {
        statuses: ['failed', 'timeout', 'cancelled', 'skipped', 'running'],
        rows: `v.state in ('refused', 'expired')`,
      },
      { statuses: ['waiting', 'running'], rows: `v.state = 'pending'` },
    ],
    table: 'webhook_deliveries',
    all: `select d.id, d.environment_id, 'webhook' as type, 'forward' as operation, ${DELIVERY_STATUS} as status,
        i.unique_key as "providerConfigKey", c.connection_id as "connectionId", null::text as name,
        concat('''', d.type, ''' to ', d.url) as summary,
        case when d.last_error is not null and d.state <> 'delivered'
          then jsonb_build_object('code', 'upstream_unreachable', 'message', d.last_error) end as error,
        d.created_at as "createdAt", d.ended_at as "endedAt", d.state, d.connection_id as "connectionRow",
        c.integration_id as "integrationRow"
      from webhook_deliveries d left join connections c on c.id = d.connection_id
        left join integrations i on i.id = c.integration_id`,
    holds: `strpos(lower(t.tries::text), $2::text) > 0`,
  },
];

/** How many operations are looked at for a text at once, and in all for one page. */
const LOOKED_AT = 500;
const LOOKED_AT_MOST = 2_000;

export type OperationPage = {
  readonly operations: readonly OperationView[];
  /** Where the next page begins; null at the end. */
  readonly next: Position | null;
};

/** The newest operations that pass the filter. */
export async function listOperations(db: Queryable, filter: OperationFilter, limit: number): Promise<OperationPage> {
  const operations = await newest(db, filter, limit);
  return { operations, next: operations.length < limit ? null : placeOf(operations.at(-1)) };
}

/**
 * Those of them that hold the text, in any case, in what they say of themselves or in a message. One page looks at 2,000
 * operations at most: it may hold fewer than `limit`, even none, and still have a next one.
 */
export async function searchOperations(
  db: Queryable,
  filter: OperationFilter & { readonly text: string },
  limit: number,
): Promise<OperationPage> {
  const found: OperationView[] = [];
  let before = filter.before;
  for (let looked = 0; looked < LOOKED_AT_MOST; looked += LOOKED_AT) {
    const seen = await newest(db, { ...filter, before }, LOOKED_AT);
    const holding = await holdingIds(db, seen, filter.text.toLowerCase());
    found.push(...seen.filter(({ id }) => holding.has(id)));
    if (found.length >= limit) return { operations: found.slice(0, limit), next: placeOf(found[limit - 1]) };
    if (seen.length < LOOKED_AT) return { operations: found, next: null };
    before = placeOf(seen.at(-1));
  }
  return { operations: found, next: before };
}

export async function findOperation(
  db: Queryable,
  environmentId: string,
  id: string,
): Promise<OperationView | undefined> {
  for (const { name, all } of SOURCES) {
    const text = `select * from (${all}) v where v.id = $1::text and v.environment_id = $2::bigint`;
    const [row] = (await db.query<OperationView>(text, [id, environmentId])).rows;
    if (row !== undefined) return { ...row, source: name };
  }
  return undefined;
}

async function newest(db: Queryable, filter: OperationFilter, limit: number): Promise<OperationView[]> {
  const { types } = filter;
  const asked = SOURCES.filter((source) => types === null || source.types.some((type) => types.includes(type)));
  const pages: OperationView[] = [];
  const whose = await whoseRows(db, filter);
  for (const source of asked) pages.push(...(await newestOf(db, source, { ...filter, whose }, limit)));
  return pages.sort(byPlace).slice(0, limit);
}

type Whose = { readonly integrationRow: string | null; readonly connectionRows: readonly string[] | null };

/** The rows behind the names of a filter; undefined where there are none any more, and so nothing that knows them by rows. */
async function whoseRows(db: Queryable, filter: OperationFilter): Promise<Whose | undefined> {
  const { environmentId, providerConfigKey, connectionId } = filter;
  const integration =
    providerConfigKey === null ? undefined : await findIntegration(db, environmentId, providerConfigKey);
  if (providerConfigKey !== null && integration === undefined) return undefined;
  const integrationRow = integration?.id ?? null;
  if (connectionId === null) return { integrationRow, connectionRows: null };
  const named = { environmentId, integrationId: integrationRow, connectionId };
  return { integrationRow: null, connectionRows: await connectionRowsOf(db, named) };
}

const BY_NAMES = `($4::text is null or v."providerConfigKey" = $4::text)
       and ($5::text is null or v."connectionId" = $5::text)`;
const BY_ROWS = `($4::bigint is null or v."integrationRow" = $4::bigint)
       and ($5::bigint[] is null or v."connectionRow" = any($5::bigint[]))`;

async function newestOf(
  db: Queryable,
  { name, all, rare, tells }: Source,
  filter: OperationFilter & { readonly whose: Whose | undefined },
  limit: number,
): Promise<OperationView[]> {
  const { before, statuses, whose } = filter;
  if (tells === 'rows' && whose === undefined) return [];
  const names = [filter.providerConfigKey, filter.connectionId];
  const few = statuses && rare.find((one) => statuses.every((status) => one.statuses.includes(status)));
  const result = await db.query<Omit<OperationView, 'source'>>(
    `select v.id, v.type, v.operation, v.status, v."providerConfigKey", v."connectionId", v.name, v.summary, v.error,
       v."createdAt", v."endedAt"
     from (${all}) v
     where v.environment_id = $1::bigint
       and ($2::text[] is null or v.type = any($2::text[]))
       and ($3::text[] is null or v.status = any($3::text[]))${few ? `\n       and ${few.rows}` : ''}
       and ${tells === 'rows' ? BY_ROWS : BY_NAMES}
       and ($6::text is null or v.name = $6::text)
       and ($7::timestamptz is null or v."createdAt" >= $7::timestamptz)
       and ($8::timestamptz is null or v."createdAt" < $8::timestamptz)
       and ($9::timestamptz is null or (v."createdAt", v.id) < ($9::timestamptz, $10::text))
     order by v."createdAt" desc, v.id desc
     limit $11::int`,
    [
      ...[filter.environmentId, filter.types, filter.statuses],
      ...(tells === 'rows' ? [whose?.integrationRow, whose?.connectionRows] : names),
      ...[filter.name, filter.from, filter.to, before?.at ?? null, before?.id ?? null, limit],
    ],
  );
  return result.rows.map((row) => ({ ...row, source: name }));
}

async function holdingIds(db: Queryable, seen: readonly OperationView[], text: string): Promise<Set<string>> {
  const says = (operation: OperationView): boolean =>
    [operation.summary, operation.name, operation.connectionId, operation.providerConfigKey, operation.error?.message]
      .join(' ')
      .toLowerCase()
      .includes(text);
  const holding = new Set(seen.filter(says).map(({ id }) => id));
  for (const { name, table, holds } of SOURCES) {
    const ids = seen.filter(({ id, source }) => source === name && !holding.has(id)).map(({ id }) => id);
    if (ids.length === 0) continue;
    const query = `select t.id from ${table} t where t.id = any($1::text[]) and ${holds}`;
    for (const { id } of (await db.query<{ id: string }>(query, [ids, text])).rows) holding.add(id);
  }
  return holding;
}

function placeOf(operation: OperationView | undefined): Position | null {
  return operation === undefined ? null : { at: operation.createdAt, id: operation.id };
}

/** As Postgres orders them; ids are ASCII, of which JavaScript and every collation of digits and letters agree. */
function byPlace(a: OperationView, b: OperationView): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1);
}
