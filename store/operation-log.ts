import type { NewOperation, OperationSink } from '../contract/operation.ts';
import { isStoreLoss, type Queryable } from './db.ts';
import { addOperations, operationIdAt, type OperationRow } from './operations.ts';

export type OperationLog = OperationSink & {
  /** Writes what is waiting and ends. What cannot be written within five seconds is lost, and counted. */
  readonly close: () => Promise<void>;
};

const EVERY_MS = 500;
const AT_ONCE = 500;
const MOST_WAITING = 10_000;
const CLOSE_WITHIN_MS = 5_000;

/**
 * Writes operations off the path of what they tell of: they wait in memory, are written in batches, and wait longer while
 * Postgres is away. Past 10 000 of them the newest are dropped. `onLost` hears of all that was not written.
 */
export function openOperationLog(
  db: Queryable,
  onLost: (lost: { readonly operations: number; readonly reason: string }) => void,
): OperationLog {
  const waiting: OperationRow[] = [];
  let dropped = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, AT_ONCE);
      try {
        await addOperations(db, batch);
      } catch (error) {
        if (isStoreLoss(error)) break;
        onLost({ operations: batch.length, reason: String(error) });
      }
      waiting.splice(0, batch.length);
    }
    if (dropped > 0) onLost({ operations: dropped, reason: `more than ${MOST_WAITING} were waiting to be written` });
    dropped = 0;
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    writing ??= write().finally(() => {
      writing = undefined;
      if (waiting.length > 0) wake();
    });
    return writing;
  };
  const wake = (): void => {
    timer ??= setTimeout(flush, EVERY_MS).unref();
  };
  return {
    add: (operation: NewOperation) => {
      if (waiting.length >= MOST_WAITING) dropped += 1;
      else waiting.push({ ...operation, id: operationIdAt(operation.startedAt) });
      if (writing === undefined) wake();
    },
    close: async () => {
      // Once for what is under way, once for what came meanwhile.
      for (const _ of [1, 2]) await within(CLOSE_WITHIN_MS, flush());
      clearTimeout(timer);
      if (waiting.length > 0) onLost({ operations: waiting.length, reason: 'the process ends' });
    },
  };
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
