import { randomBytes } from 'node:crypto';
import { withTransaction } from '../store/db.ts';
import { dropJournal, unrepeatableCalls } from '../store/journal.ts';
import {
  type JournaledRun,
  journaledRuns,
  journalFootprint,
  keptUntil,
  lockLongWaiting,
  waitsTooLongSince,
} from '../store/journal-retention.ts';
import { addLogLines } from '../store/run-logs.ts';
import { newGeneration } from '../store/runs.ts';
import type { Dependencies } from './dependencies.ts';
import { firstLine } from './host/run-log.ts';

const PAGE = 200;

type Sweeping = Pick<Dependencies, 'db' | 'box' | 'clock' | 'journals' | 'log'>;

/** Drops journals past their time, a page of runs at a time, and cuts runs that wait for too long to their checkpoint. */
export function createSweepJournals(deps: Sweeping) {
  return async ({ afterId }: { afterId: string }): Promise<{ readonly nextAfterId: string | null }> => {
    const now = deps.clock();
    const runs = await journaledRuns(deps.db, { afterId, limit: PAGE }, deps.journals, now);
    let dropped = 0;
    let cut = 0;
    for (const run of runs) {
      if (isExpired(deps, run, now)) {
        await dropJournal(deps.db, run.runId);
        dropped += 1;
      } else if (run.state === 'waiting' && (await cutToCheckpoint(deps, run.runId, now))) cut += 1;
    }
    if (dropped + cut > 0) deps.log('journals.swept', { dropped, cut, ...(await journalFootprint(deps.db)) });
    return { nextAfterId: runs.length < PAGE ? null : (runs.at(-1)?.runId ?? null) };
  };
}

function isExpired({ journals }: Sweeping, { state, finishedAt }: JournaledRun, now: Date): boolean {
  if (finishedAt === null) return false;
  const until = keptUntil({ state, finishedAt }, journals);
  return until === null || until < now;
}

/** The run begins again when it wakes; not one that would then make a call twice that changes the world. */
async function cutToCheckpoint(deps: Sweeping, runId: string, now: Date): Promise<boolean> {
  return withTransaction(deps.db, async (db) => {
    const before = waitsTooLongSince(deps.journals, now);
    const run = await lockLongWaiting(db, { runId, before });
    if (run === undefined || (await unrepeatableCalls(db, run)).length > 0) return false;
    const sealedSeed = deps.box.seal(randomBytes(32).toString('hex'));
    await newGeneration(db, { runId, fence: run.fence, sealedSeed, at: now });
    const message = `The run has waited since ${run.since.toISOString()}, longer than its journal is kept (NANGO_JOURNAL_KEEP_DAYS=${deps.journals.days}): it will begin again from its checkpoint`;
    const seq = firstLine(run.generation + 1);
    await addLogLines(db, runId, [{ seq, at: now, level: 'warn', message }]);
    return true;
  });
}
