import type { Checkpoint, Host } from '../../contract/host.ts';
import { findCheckpoint } from '../../store/checkpoints.ts';
import type { Queryable } from '../../store/db.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';
import { untilStored } from '../store-retry.ts';

/** Past this size of the journal, the next checkpoint is where the script begins again with an empty one. */
const SOFT_CAP_BYTES = 64 * 1024 * 1024;

/** Checkpoints, stored with the records saved before them. */
export function createCheckpointCalls(
  deps: Dependencies,
  run: Attempt,
  recorder: Recorder,
  attempt: { readonly signal: AbortSignal; readonly beginAgain: (db: Queryable) => Promise<void> },
): Pick<Host, 'getCheckpoint' | 'saveCheckpoint'> {
  // What was saved by this pass and may not be stored yet; undefined while nothing was.
  let current: Checkpoint | null | undefined;
  return {
    getCheckpoint: async () => {
      if (current === undefined) current = await storedCheckpoint(deps, run, attempt.signal);
      return { value: current };
    },
    saveCheckpoint: async ({ checkpoint }, call) => {
      current = checkpoint;
      const value = checkpoint === null ? null : JSON.stringify(checkpoint);
      await recorder.write(call.number, { kind: 'checkpoint', value });
      if (value !== null && recorder.journalBytes() > SOFT_CAP_BYTES && call.isAlone()) {
        await recorder.flushStaged(call.number, attempt.beginAgain);
        await call.restart();
      }
      return { value: null };
    },
  };
}

async function storedCheckpoint(deps: Dependencies, run: Attempt, signal: AbortSignal): Promise<Checkpoint | null> {
  const { connectionRow, kind, name, variant } = run;
  const text = await untilStored(() => findCheckpoint(deps.db, { connectionRow, kind, name, variant }), signal);
  return text === undefined ? null : JSON.parse(text);
}
