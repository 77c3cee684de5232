import { EngineError } from '../contract/failures.ts';

const VERSION = 1;

/** The cursor after a row: opaque to callers, versioned for us. */
export function encodeCursor(seq: string): string {
  return Buffer.from(`${VERSION}:${seq}`).toString('base64url');
}

/** The position of a cursor. @throws EngineError `invalid_query_params` for text that is not one of ours. */
export function decodeCursor(cursor: string): string {
  const seq = /^1:(0|[1-9]\d{0,17})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1];
  if (seq !== undefined && encodeCursor(seq) === cursor) return seq;
  throw new EngineError(
    'invalid_query_params',
    "The request's query is not valid: 'cursor': expected a next_cursor or a record's _nango_metadata.cursor, unchanged.",
    { details: { faults: [{ code: 'invalid_cursor', message: 'expected a cursor of this API', path: ['cursor'] }] } },
  );
}
