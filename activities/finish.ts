/** How an attempt ends: its run's row, what the ending changes besides, and the short way for most actions. */
import type { ActionGave } from '../contract/engine.ts';
import { EngineError } from '../contract/failures.ts';
import type { ScriptOutcome } from '../contract/script.ts';
import { cleanJsonText } from '../manifest/record-rules.ts';
import type { Queryable } from '../store/db.ts';
import { endAtOnce } from '../store/end-at-once.ts';
import { dropJournal } from '../store/journal.ts';
import { keptUntil } from '../store/journal-retention.ts';
import { sealCalls } from '../store/run-calls.ts';
import { type Attempt, endRun, type RunEnd, type StoredFailure } from '../store/runs.ts';
import { forgetTrackings, makeDeletions } from './deletions.ts';
import type { Dependencies } from './dependencies.ts';
import type { Recorder } from './recorder.ts';
import { refusedRecords } from './refusals.ts';
import { renew } from './renewal.ts';
import { untilStored } from './store-retry.ts';
import { beginAgainLater, mayBeTriedAgain } from './try-again.ts';

/** What an attempt came to. */
export type AttemptResult =
  | {
      readonly status: 'ended';
      readonly state: 'success' | 'failed';
      readonly failure: StoredFailure | null;
      /** As its row has it, where the run ended the short way. */
      readonly gave?: ActionGave;
    }
  | { readonly status: 'waiting'; readonly resumeAt: Date; readonly reason: string }
  | { readonly status: 'paused' }
  /** It was to wait and no longer is: the next attempt goes on at once. */
  | { readonly status: 'interrupted' }
  /** Stopped from outside with nothing decided; all that was done so far is kept. */
  | { readonly status: 'stopped' };

/** Ends the attempt's run as its script did, or lets it begin again later. */
export async function finish(
  deps: Dependencies,
  run: Attempt,
  recorder: Recorder,
  end: {
    readonly outcome: Extract<ScriptOutcome, { status: 'completed' | 'failed' }>;
    readonly stop: AbortSignal;
    readonly onEnd: (db: Queryable, end: RunEnd) => Promise<void>;
  },
): Promise<AttemptResult> {
  const { outcome, stop, onEnd } = end;
  if (outcome.status === 'completed' && !(await makeDeletions(deps, run, recorder, stop))) return { status: 'stopped' };
  const thrown = outcome.status === 'failed' ? storedFailure(outcome.failure) : null;
  if (thrown !== null && mayBeTriedAgain(run, thrown)) return tryAgain(deps, run, recorder, thrown);
  const gave = outcome.status === 'completed' ? await endedAtOnce(deps, run, recorder, { outcome, stop }) : undefined;
  if (gave !== undefined) {
    deps.meter.runEnded({ kind: run.kind, state: 'success' }, run.runningMs + recorder.liveMs());
    return { status: 'ended', state: 'success', failure: null, gave };
  }
  let failure = thrown;
  await recorder.conclude(async (db) => {
    // Within the transaction: the last of the run's records may be refused by this very flush.
    const refused = outcome.status === 'completed' ? await refusedRecords(db, run) : undefined;
    failure = thrown ?? refused ?? null;
    const state = failure === null ? 'success' : 'failed';
    const output = outcome.status === 'completed' ? (outcome.output ?? null) : null;
    const { runId, fence } = run;
    const calls = sealCalls(deps.box, recorder.toldCalls());
    const end: RunEnd = { runId, fence, state, failure, output, calls, at: deps.clock() };
    await endRun(db, end);
    await onEnd(db, end);
    if (state === 'success' && run.kind === 'sync') await forgetTrackings(db, run);
    if (keptUntil({ state, finishedAt: end.at }, deps.journals) === null) await dropJournal(db, run.runId);
  });
  const state = failure === null ? 'success' : 'failed';
  deps.meter.runEnded({ kind: run.kind, state }, run.runningMs + recorder.liveMs());
  return { status: 'ended', state, failure };
}

/**
 * The short way for most actions: what only asked and computed ends in one statement, its answers never stored. Undefined when
 * there is more to do.
 */
async function endedAtOnce(
  deps: Dependencies,
  run: Attempt,
  recorder: Recorder,
  end: { readonly outcome: Extract<ScriptOutcome, { status: 'completed' }>; readonly stop: AbortSignal },
): Promise<ActionGave | undefined> {
  const at = deps.clock();
  if (run.kind === 'sync' || keptUntil({ state: 'success', finishedAt: at }, deps.journals) !== null) return undefined;
  const unstored = recorder.takeUnstored();
  if (unstored === undefined) return undefined;
  const { runId, fence } = run;
  const output = end.outcome.output ?? null;
  const calls = sealCalls(deps.box, recorder.toldCalls());
  const write = () => endAtOnce(deps.db, { runId, fence, ...unstored, output, calls, at });
  if (await untilStored(write, end.stop)) return { output };
  throw new EngineError('lease_lost', 'Another attempt of this run has taken over');
}

async function tryAgain(
  deps: Dependencies,
  run: Attempt,
  recorder: Recorder,
  failure: StoredFailure,
): Promise<AttemptResult> {
  let wait: { readonly resumeAt: Date; readonly reason: string } | undefined;
  await recorder.conclude(async (db) => {
    wait = await beginAgainLater(db, run, failure, { at: deps.clock(), renew: (tx) => renew(tx, deps, run) });
  });
  if (wait === undefined) throw new EngineError('lease_lost', 'Another attempt of this run has taken over');
  return { status: 'waiting', ...wait };
}

function storedFailure({
  code,
  message,
  details,
}: Extract<ScriptOutcome, { status: 'failed' }>['failure']): StoredFailure {
  // What an author throws may hold what jsonb does not.
  return JSON.parse(cleanJsonText(JSON.stringify({ code, message, ...details })));
}
