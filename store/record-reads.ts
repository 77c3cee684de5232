/** Reading records in commit order, as JSON text that is never parsed on its way out. */
import type { Queryable } from './db.ts';
import { encodeCursor } from './record-cursor.ts';
import { openNothing, type RecordSeal } from './record-seal.ts';

export type RecordAction = 'ADDED' | 'UPDATED' | 'DELETED';

export type RecordPage = {
  readonly headId: string;
  readonly afterSeq: string;
  readonly actions: readonly RecordAction[] | null;
  readonly ids: readonly string[] | null;
  readonly limit: number;
  /** Where to stop though the limit is not reached, in bytes as stored; the first row always comes. */
  readonly maxBytes: number;
  /** Opens sealed payloads; without it they are refused. */
  readonly open?: RecordSeal['open'];
};

export type RecordRow = {
  readonly seq: string;
  /** The payload's JSON text. */
  readonly payload: string;
  readonly lastAction: RecordAction;
  readonly firstSeenAt: string;
  readonly lastModifiedAt: string;
  readonly deletedAt: string | null;
  readonly prunedAt: string | null;
};

/** The columns of a `RecordRow`, and what `openRows` needs. */
export const RECORD_COLUMNS = `seq::text, payload::text, sealed, case when sealed is not null then id end as "sealedId", last_action as "lastAction", first_seen_at::text as "firstSeenAt",
  last_modified_at::text as "lastModifiedAt", deleted_at::text as "deletedAt", pruned_at::text as "prunedAt"`;

export type StoredRow = RecordRow & { readonly sealed: Buffer | null; readonly sealedId: string | null };

/** Rows with what was sealed in them opened. */
export function openRows<Row extends StoredRow>(headId: string, rows: Row[], open = openNothing): Row[] {
  return rows.map((row) => {
    const { sealed, sealedId } = row;
    return sealed === null ? row : { ...row, payload: open({ headId, id: sealedId ?? '' }, sealed), sealed: null };
  });
}

/** Rows after a number in commit order; times as Postgres writes them (see `isoTime`). */
export async function pageOfRecords(db: Queryable, page: RecordPage): Promise<RecordRow[]> {
  const { headId, afterSeq, actions, limit, maxBytes, ids } = page;
  // Few among many, and so with an index of their own, which a plan for any actions could not use.
  const isGone = ids === null && actions?.length === 1 && actions[0] === 'DELETED';
  const result = await db.query<StoredRow>({
    // A plan of its own for each: one that walks the numbers would read everything to find a few ids.
    name: isGone ? 'page-of-deleted-records' : ids === null ? 'page-of-records' : 'page-of-records-by-id',
    // Sorted by the column itself: plain `order by seq` would mean the text of the select list, where 10 is before 9.
    text: `with rows as ${ids === null ? 'not materialized' : 'materialized'} (
        select r.* from records r where r.head_id = $1::bigint ${ids === null ? '' : 'and r.id = any($6::text[])'}
      ), page as (
        select r.*, sum(${BYTES}) over (order by r.seq rows unbounded preceding) as bytes
        from (
          select r.* from rows r
          where r.seq > $2::bigint and ($3::text[] is null or r.last_action = any($3::text[]))
            ${isGone ? `and r.last_action = 'DELETED'` : ''}
          order by r.seq
          limit $4::int
        ) r
      )
      select ${RECORD_COLUMNS} from page r where r.bytes - ${BYTES} <= $5::bigint order by r.seq`,
    values: [headId, afterSeq, actions, limit, maxBytes, ...(ids === null ? [] : [ids])],
  });
  return openRows(headId, result.rows, page.open);
}

const BYTES = `(pg_column_size(r.payload) + coalesce(pg_column_size(r.sealed), 0))`;

/**
 * The number of the last row that was not modified after `time`, found by halving: times grow with the numbers, so
 * they need no index.
 */
export async function seqAtTime(db: Queryable, headId: string, time: string): Promise<string> {
  const result = await db.query<{ seq: string }>({
    name: 'seq-at-time',
    text: `with recursive search (low, high) as (
        select 0::bigint, seq from record_heads where id = $1::bigint
        union all
        select case when probe.last_modified_at <= $2::timestamptz then probe.seq else low end,
          case when probe.last_modified_at <= $2::timestamptz then high else (low + high) / 2 end
        from search
          left join lateral (
            select r.seq, r.last_modified_at from records r
            where r.head_id = $1::bigint and r.seq > (low + high) / 2
            order by r.seq
            limit 1
          ) probe on true
        where low < high
      )
      select low::text as seq from search where low >= high limit 1`,
    values: [headId, time],
  });
  return result.rows[0]?.seq ?? '0';
}

/** `2026-01-02 03:04:05.6+00`, as our connections get it, as ISO text with microseconds and `+00:00`. */
export function isoTime(text: string): string {
  const [day = '', rest = ''] = text.split(' ');
  const [time = '', fraction = ''] = rest.slice(0, -3).split('.');
  return `${day}T${time}.${fraction.padEnd(6, '0')}+00:00`;
}

function isoOrNull(text: string | null): string {
  return text === null ? 'null' : `"${isoTime(text)}"`;
}

/** One record as JSON text: the payload as Postgres wrote it, with `_nango_metadata` put in without parsing it. */
export function recordJson(row: RecordRow): string {
  const metadata =
    `{"first_seen_at":"${isoTime(row.firstSeenAt)}","last_modified_at":"${isoTime(row.lastModifiedAt)}",` +
    `"last_action":"${row.lastAction}","deleted_at":${isoOrNull(row.deletedAt)},"pruned_at":${isoOrNull(row.prunedAt)},` +
    `"cursor":"${encodeCursor(row.seq)}"}`;
  const open = row.payload.slice(0, -1);
  return `${open}${open.length > 1 ? ',' : ''}"_nango_metadata":${metadata}}`;
}

/** How much is read at once: enough for speed, little enough that large records need no memory to speak of. */
const CHUNK = { rows: 1_000, bytes: 4 * 1024 * 1024 } as const;

/**
 * The rows of a page, a few at a time, in memory that does not grow with the page. A row that is changed meanwhile
 * moves behind the page's end, as it would between two pages.
 */
export async function* chunksOfRecords(
  db: Queryable,
  page: Omit<RecordPage, 'maxBytes'>,
): AsyncGenerator<readonly RecordRow[]> {
  let afterSeq = page.afterSeq;
  for (let left = page.limit; left > 0; ) {
    const limit = Math.min(left, CHUNK.rows);
    const rows = await pageOfRecords(db, { ...page, afterSeq, limit, maxBytes: CHUNK.bytes });
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    left -= rows.length;
    afterSeq = last.seq;
  }
}
