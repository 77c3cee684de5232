import { agedHeads, KEEP_RECORDS, pruneAged, removeAged } from '../store/record-retention.ts';
import type { Dependencies } from './dependencies.ts';

const HEADS_AT_ONCE = 100;
/** Short transactions of one call, which has to end well within its time; the next call goes on. */
const STEPS_AT_ONCE = 100;
const DAY_MS = 86_400_000;

type Sweeping = Pick<Dependencies, 'db' | 'clock' | 'recordsKept' | 'log'>;

/** Prunes and removes records past their time, a page of heads at a time; nothing where they are kept for ever. */
export function createSweepRecords(deps: Sweeping) {
  return async ({ afterId }: { afterId: string }): Promise<{ readonly nextAfterId: string | null }> => {
    const { pruneAfterDays, removeAfterDays } = deps.recordsKept ?? KEEP_RECORDS;
    const now = deps.clock();
    const before = (days: number): Date | null => (days === 0 ? null : new Date(now.getTime() - days * DAY_MS));
    const [pruneBefore, removeBefore] = [before(pruneAfterDays), before(removeAfterDays)];
    if (pruneBefore === null && removeBefore === null) return { nextAfterId: null };
    const page = { afterId, limit: HEADS_AT_ONCE };
    const heads = await agedHeads(deps.db, page, { pruneBefore, removeBefore });
    let doneId = afterId;
    let steps = 0;
    for (const { id, isToPrune, isToRemove } of heads) {
      const step = (): Promise<boolean> =>
        isToRemove ? removeAged(deps.db, id) : pruneAged(deps.db, id, pruneBefore ?? now, now);
      for (let hasMore = isToRemove || isToPrune; hasMore; steps += 1) {
        if (steps === STEPS_AT_ONCE) return { nextAfterId: doneId };
        hasMore = await step();
      }
      doneId = id;
    }
    if (steps > 0) deps.log('records.swept', { transactions: steps });
    return { nextAfterId: heads.length < HEADS_AT_ONCE ? null : doneId };
  };
}
