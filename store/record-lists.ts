/** Records as the first generation of clients lists them: sorted, with an offset. Commit order is in record-reads.ts. */
import type { Queryable } from './db.ts';
import { openRows, RECORD_COLUMNS, type RecordAction, type RecordRow, type StoredRow } from './record-reads.ts';
import type { RecordSeal } from './record-seal.ts';

const RECORD_SORTS = {
  id: { key: 'r.id', type: 'text' },
  createdAt: { key: 'r.first_seen_at', type: 'timestamptz' },
  updatedAt: { key: 'r.seq', type: 'bigint' },
} as const;
export type RecordSort = keyof typeof RECORD_SORTS;

export type RecordList = {
  readonly headId: string;
  readonly afterSeq: string;
  /** Null for live records only. */
  readonly actions: readonly RecordAction[] | null;
  readonly sort: RecordSort;
  readonly order: 'asc' | 'desc';
  readonly offset: number;
  readonly limit: number;
  readonly open: RecordSeal['open'];
};

type ListedRow = StoredRow & { readonly id: string; readonly key: string };

const ROWS_AT_ONCE = 500;

/** The rows of a list, a few at a time; each chunk goes on behind the last row of the one before. */
export async function* chunksOfList(db: Queryable, list: RecordList): AsyncGenerator<readonly RecordRow[]> {
  let last: ListedRow | undefined;
  for (let left = list.limit; left > 0; ) {
    const rows = await rowsOfList(db, list, { last, limit: Math.min(left, ROWS_AT_ONCE) });
    last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    left -= rows.length;
  }
}

async function rowsOfList(
  db: Queryable,
  list: RecordList,
  at: { readonly last: ListedRow | undefined; readonly limit: number },
): Promise<ListedRow[]> {
  const { key, type } = RECORD_SORTS[list.sort];
  const direction = list.order === 'asc' ? 'asc' : 'desc';
  const behind = list.order === 'asc' ? '>' : '<';
  const result = await db.query<ListedRow>(
    `select ${RECORD_COLUMNS}, r.id, (${key})::text as key
     from records r
     where r.head_id = $1::bigint
       and r.seq > $2::bigint
       and case when $3::text[] is null then r.deleted_at is null else r.last_action = any($3::text[]) end
       and ($6::text is null or (${key}, r.id) ${behind} ($6::text::${type}, $7::text))
     order by ${key} ${direction}, r.id ${direction}
     limit $4::int
     offset $5::int`,
    [
      list.headId,
      list.afterSeq,
      list.actions,
      at.limit,
      at.last === undefined ? list.offset : 0,
      at.last?.key ?? null,
      at.last?.id ?? null,
    ],
  );
  return openRows(list.headId, result.rows, list.open);
}
