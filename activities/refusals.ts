/**
 * Records that Postgres refuses for their content: one of them must not take its whole batch with it. The batch is
 * halved until each refused record stands alone; it is noted with its reason, and everything else is stored.
 */
import type { Queryable } from '../store/db.ts';
import { noteRefusal, refusalsOf } from '../store/run-refusals.ts';
import type { Attempt, StoredFailure } from '../store/runs.ts';
import type { RowsWrite } from './writes.ts';

/** SQLSTATE classes 22 (data exception) and 54 (program limit exceeded): the same again is refused again. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(22|54)/.test(String(error.code));
}

/** Stores what Postgres takes and notes the rest. Belongs into a transaction of its own: a refusal aborts others. */
export async function storeAcceptable(
  db: Queryable,
  runId: string,
  write: RowsWrite,
  store: (part: RowsWrite) => Promise<unknown>,
): Promise<void> {
  await db.query('savepoint acceptable');
  try {
    await store(write);
    await db.query('release savepoint acceptable');
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await db.query('rollback to savepoint acceptable');
    if (write.ids.length <= 1) {
      return noteRefusal(db, { runId, model: write.model, recordId: write.ids[0] ?? '', reason: reasonOf(error) });
    }
    const half = Math.ceil(write.ids.length / 2);
    await storeAcceptable(db, runId, part(write, 0, half), store);
    await storeAcceptable(db, runId, part(write, half, write.ids.length), store);
  }
}

/** The failure of a run whose script ended well, but of whose records Postgres refused some. */
export async function refusedRecords(db: Queryable, run: Attempt): Promise<StoredFailure | undefined> {
  if (run.kind === 'action') return undefined;
  const { count, first } = await refusalsOf(db, run.runId);
  if (count === 0) return undefined;
  const named = first.map(({ model, recordId, reason }) => `'${recordId}' of '${model}' (${reason})`);
  const others = count > first.length ? ` and ${count - first.length} more` : '';
  const records = count === 1 ? '1 record cannot' : `${count} records cannot`;
  return {
    code: 'record_invalid',
    message: `${records} be stored, all others are: ${named.join(', ')}${others}. Leave out or change what is refused.`,
  };
}

function part(write: RowsWrite, from: number, to: number): RowsWrite {
  return { ...write, ids: write.ids.slice(from, to), rows: write.rows.slice(from, to) };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
