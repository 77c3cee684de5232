import type { RecordRow } from '../store/records.ts';
import { encodeCursor } from './cursor.ts';

// Big enough that a write is worth its cost, small enough that a page of large records needs no second copy of itself.
const CHUNK_CHARACTERS = 64 * 1024;

/** One record as JSON text: the payload as Postgres wrote it, with `_nango_metadata` put in without parsing it. */
export function recordJson(row: RecordRow): string {
  const metadata = JSON.stringify({
    first_seen_at: row.firstSeenAt,
    last_modified_at: row.lastModifiedAt,
    last_action: row.lastAction,
    deleted_at: row.deletedAt,
    pruned_at: row.prunedAt,
    cursor: encodeCursor(row.seq),
  });
  const open = row.payload.slice(0, -1);
  return `${open}${open.length > 1 ? ',' : ''}"_nango_metadata":${metadata}}`;
}

/** A page as chunks of JSON text: `{"records":[…],"next_cursor":…}`. */
export function* pageJson(rows: readonly RecordRow[], nextCursor: string | null): Generator<string> {
  let chunk = '{"records":[';
  for (const [index, row] of rows.entries()) {
    chunk += index === 0 ? recordJson(row) : `,${recordJson(row)}`;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = '';
  }
  yield `${chunk}],"next_cursor":${JSON.stringify(nextCursor)}}`;
}
