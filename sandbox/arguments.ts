/** What a journal keeps of a call's arguments. */
import { createHmac } from 'node:crypto';
import type { JournalKind } from '../contract/journal.ts';

/** The keyed hash of a call, body included; the key is the seed of the run, so nobody can guess what was hashed. */
export function hashArguments(seed: string) {
  return (kind: JournalKind, args: string, body: string | undefined): string => {
    const hmac = createHmac('sha256', seed).update(kind).update('\0').update(args);
    return (body === undefined ? hmac : hmac.update('\0').update(body)).digest('base64url');
  };
}

/** The rows' ids stand in the records themselves; a journal need not repeat them. */
export function keptArguments(kind: JournalKind, args: string): string {
  if (kind !== 'saveRecords' && kind !== 'updateRecords') return args;
  const { model, ids }: { model: string; ids: string[] } = JSON.parse(args);
  return JSON.stringify({ model, rows: ids.length });
}
