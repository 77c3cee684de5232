import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../contract/failures.ts';
import { isStoreLoss } from '../store/db.ts';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/**
 * Repeats `work` while Postgres cannot be reached, so that an outage makes a run wait instead of fail. Everything it
 * wraps must be repeatable, since an error may hide a commit. Ends with `store_unavailable` when `signal` does.
 */
export async function untilStored<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error)) throw error;
      await delay(wait, undefined, { signal }).catch(() => {
        throw new EngineError('store_unavailable', 'Postgres cannot be reached', { cause: error });
      });
    }
  }
}

// Deadlocks and serialisation failures roll the whole statement back: the same again is right for them too.
const CONFLICT = new Set(['40001', '40P01']);

function mayPass(error: unknown): boolean {
  if (isStoreLoss(error)) return true;
  return error instanceof Error && 'code' in error && CONFLICT.has(String(error.code));
}
