import { EngineError } from '../contract/failures.ts';
import { parseCursor } from '../store/record-cursor.ts';

/** The position of a cursor. @throws EngineError `invalid_query_params` for text that is not one of ours. */
export function decodeCursor(cursor: string, name = 'cursor'): string {
  const seq = parseCursor(cursor);
  if (seq !== undefined) return seq;
  throw new EngineError(
    name === 'cursor' ? 'invalid_query_params' : 'invalid_body',
    `The request is not valid: '${name}': expected a next_cursor or a record's _nango_metadata.cursor, unchanged.`,
    { details: { faults: [{ code: 'invalid_cursor', message: 'expected a cursor of this API', path: [name] }] } },
  );
}
