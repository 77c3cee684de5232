import { encodeCursor } from '../store/record-cursor.ts';
import { isoTime, type RecordRow, recordJson } from '../store/record-reads.ts';

// Big enough that a write is worth its cost, small enough that a page of large records needs no second copy of itself.
const CHUNK_CHARACTERS = 64 * 1024;

/**
 * A page as pieces of JSON text: `{"records":[…],"next_cursor":…}`. Give it one row more than `limit`: it is not shown,
 * and tells that something follows.
 */
export async function* pageJson(
  chunks: AsyncIterable<readonly RecordRow[]> | Iterable<readonly RecordRow[]>,
  limit: number,
): AsyncGenerator<string> {
  let text = '{"records":[';
  let shown = 0;
  let last: string | undefined;
  let hasMore = false;
  for await (const rows of chunks) {
    for (const row of rows) {
      hasMore = shown === limit;
      if (hasMore) break;
      text += shown === 0 ? recordJson(row) : `,${recordJson(row)}`;
      shown += 1;
      last = row.seq;
      if (text.length < CHUNK_CHARACTERS) continue;
      yield text;
      text = '';
    }
  }
  yield `${text}],"next_cursor":${hasMore && last !== undefined ? `"${encodeCursor(last)}"` : 'null'}}`;
}

/** A list as the first clients know it: bare records, or each as `record` beside its metadata. */
export async function* listJson(
  chunks: AsyncIterable<readonly RecordRow[]>,
  withMetadata: boolean,
): AsyncGenerator<string> {
  let text = '[';
  let isFirst = true;
  for await (const rows of chunks) {
    for (const row of rows) {
      text += `${isFirst ? '' : ','}${withMetadata ? withOldMetadata(row) : row.payload}`;
      isFirst = false;
    }
    yield text;
    text = '';
  }
  yield `${text}]`;
}

function withOldMetadata(row: RecordRow): string {
  const metadata = JSON.stringify({
    first_seen_at: isoTime(row.firstSeenAt),
    last_modified_at: isoTime(row.lastModifiedAt),
    last_action: row.lastAction,
    deleted_at: row.deletedAt === null ? null : isoTime(row.deletedAt),
  });
  return `${metadata.slice(0, -1)},"record":${row.payload}}`;
}
