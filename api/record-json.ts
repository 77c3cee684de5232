import { encodeCursor } from '../store/record-cursor.ts';
import { type RecordRow, recordJson } from '../store/record-reads.ts';

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
