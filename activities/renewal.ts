import { randomBytes } from 'node:crypto';
import type { Queryable } from '../store/db.ts';
import { dropJournal } from '../store/journal.ts';
import { type Attempt, newGeneration } from '../store/runs.ts';
import type { Dependencies } from './dependencies.ts';

/** A new generation with an empty journal: what is behind a checkpoint is never gone through again. */
export async function renew(db: Queryable, deps: Dependencies, run: Attempt): Promise<void> {
  await dropJournal(db, run.runId);
  await newGeneration(db, {
    runId: run.runId,
    fence: run.fence,
    sealedSeed: deps.box.seal(randomBytes(32).toString('hex')),
    at: deps.clock(),
  });
}
