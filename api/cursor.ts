import { z } from 'zod';
import { EngineError } from '../contract/failures.ts';
import type { Position } from '../store/position.ts';
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

const PLACE = /^(\d{1,15})\.([\w-]{1,64})$/;

/** A `next_cursor` of a list that is in the order of time, in a query. */
export const place = z
  .string()
  .regex(PLACE, 'expected a next_cursor, unchanged')
  .transform((given): Position => {
    const [, at, id = ''] = PLACE.exec(given) ?? [];
    return { at: new Date(Number(at)), id };
  });

/** The cursor of a place in such a list; null for its end. */
export function placeCursor(position: Position | null): string | null {
  return position === null ? null : `${position.at.getTime()}.${position.id}`;
}
