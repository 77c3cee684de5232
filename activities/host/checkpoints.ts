import { EngineError } from '../../contract/failures.ts';
import type { Checkpoint, Host } from '../../contract/host.ts';
import { findCheckpoint } from '../../store/checkpoints.ts';
import type { Queryable } from '../../store/db.ts';
import type { Attempt } from '../../store/runs.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';
import { untilStored } from '../store-retry.ts';

const MAX_CHECKPOINT_BYTES = 64 * 1024;

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
      const value = checkpoint === null ? null : checked(JSON.stringify(checkpoint));
      current = checkpoint;
      await recorder.write(call.number, { kind: 'checkpoint', value });
      if (value !== null && recorder.journalBytes() > deps.limits.journal.softBytes && call.isAlone()) {
        await recorder.flushStaged(call.number, attempt.beginAgain);
        await call.restart();
      }
      return { value: null };
    },
  };
}

// The guest checks this too, with the author's line; what the guest says is not trusted.
function checked(json: string): string {
  const bytes = Buffer.byteLength(json);
  if (bytes <= MAX_CHECKPOINT_BYTES) return json;
  throw new EngineError(
    'checkpoint_invalid',
    `nango.saveCheckpoint: it has ${bytes} bytes as JSON: at most ${MAX_CHECKPOINT_BYTES} are expected.`,
  );
}

async function storedCheckpoint(deps: Dependencies, run: Attempt, signal: AbortSignal): Promise<Checkpoint | null> {
  const { connectionRow, kind, name, variant } = run;
  const text = await untilStored(() => findCheckpoint(deps.db, { connectionRow, kind, name, variant }), signal);
  return text === undefined ? null : JSON.parse(text);
}
