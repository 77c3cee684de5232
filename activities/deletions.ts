/**
 * Deletions at the end of a run that fetched everything: decided once, made in short transactions that may be broken off
 * and gone on with at any point, and only after the whole script has succeeded.
 */
import { isTooMuch } from '../manifest/deletion-guard.ts';
import { findCheckpoint } from '../store/checkpoints.ts';
import { type Queryable, withTransaction } from '../store/db.ts';
import { confirmedCount } from '../store/held-deletions.ts';
import {
  askedModels,
  askForDeletions,
  type Comparison,
  comparisonOf,
  countStale,
  type Decision,
  decisionOf,
  deleteStale,
  dropStaleClaims,
  endTrackings,
  keepDecision,
  type Stale,
  staleAfter,
  startTracking,
} from '../store/record-deletion.ts';
import type { Writer } from '../store/record-heads.ts';
import type { ScriptBundle } from '../contract/script.ts';
import { addLogLines, type LogLine } from '../store/run-logs.ts';
import { refusalsOf } from '../store/run-refusals.ts';
import type { Attempt } from '../store/runs.ts';
import type { Dependencies } from './dependencies.ts';
import { firstLine } from './host/run-log.ts';
import type { Recorder } from './recorder.ts';
import { untilStored } from './store-retry.ts';

type Parts = Pick<Dependencies, 'db' | 'clock' | 'log' | 'meter'>;

/** Ids looked at in one query, and records deleted in one transaction. */
const SCANNED_AT_ONCE = 20_000;
const DELETED_AT_ONCE = 2_000;
/** A script is told at most that many ids of what it deleted. */
const MAX_KEYS = 100_000;

/**
 * The models whose records count as seen from the run's start: of a sync that tracks deletions, and of one that will ask
 * for them without a start of its own, which is only known from its text.
 */
export function modelsTracked(run: Attempt, bundle: ScriptBundle): readonly string[] {
  if (run.kind !== 'sync' || run.syncId === null) return [];
  return run.trackDeletes || bundle.code.includes('deleteRecordsFromPreviousExecutions') ? (run.models ?? []) : [];
}

/** From here on what the run saves of these models is remembered as seen. */
export async function trackModels(
  deps: Parts,
  run: Attempt,
  models: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const model of models) {
    await untilStored(
      () =>
        withTransaction(deps.db, async (db) => {
          // A run that takes up at a checkpoint does not see again what the interrupted one saw.
          const resumes = (await findCheckpoint(db, run)) !== undefined;
          await startTracking(db, writerOf(deps, run, model), { resumes });
        }),
      signal,
    );
  }
}

export type Unseen = { readonly decision: Decision; readonly keys: readonly string[] };

/**
 * Decides about a model's deletions for the script that asks for them, and notes that it did; they are made when the
 * run has succeeded. Undefined when the run does not track the model.
 */
export async function askForUnseen(
  deps: Parts,
  run: Attempt,
  model: string,
  signal: AbortSignal,
): Promise<Unseen | undefined> {
  const comparison = await untilStored(() => comparisonOf(deps.db, writerOf(deps, run, model)), signal);
  if (comparison === undefined) return undefined;
  const decision = await decide(deps, run, model, comparison, signal);
  await untilStored(() => withTransaction(deps.db, (db) => askForDeletions(db, writerOf(deps, run, model))), signal);
  const keys: string[] = [];
  if (!decision.held && decision.stale > 0) {
    for await (const page of stalePages(deps, comparison, signal)) {
      keys.push(...page.slice(0, MAX_KEYS - keys.length));
      if (keys.length >= MAX_KEYS) break;
    }
  }
  return { decision, keys };
}

/** Makes the deletions that are due, after complete success only. False when it was stopped on the way. */
export async function makeDeletions(
  deps: Parts,
  run: Attempt,
  recorder: Recorder,
  stop: AbortSignal,
): Promise<boolean> {
  if (run.kind !== 'sync') return true;
  const models = await modelsToCompare(deps, run, stop);
  if (models.length === 0) return true;
  await recorder.flush();
  const { count } = await untilStored(() => refusalsOf(deps.db, run.runId), stop);
  return count > 0 || deleteUnseen(deps, run, models, stop);
}

/** Makes the deletions of these models. False when it was stopped on the way: the next attempt goes on. */
export async function deleteUnseen(
  deps: Parts,
  run: Attempt,
  models: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  for (const model of models) {
    const comparison = await untilStored(() => comparisonOf(deps.db, writerOf(deps, run, model)), signal);
    if (comparison === undefined) continue;
    const decision = await decide(deps, run, model, comparison, signal);
    if (decision.held) continue;
    if (decision.stale > 0 && !(await deleteAll(deps, run, model, comparison, signal))) return false;
    while (await untilStored(() => dropStaleClaims(deps.db, comparison, SCANNED_AT_ONCE), signal)) {
      if (signal.aborted) return false;
    }
  }
  return true;
}

/** The models whose deletions are due at the end of a run that succeeded. */
export async function modelsToCompare(deps: Parts, run: Attempt, signal: AbortSignal): Promise<readonly string[]> {
  if (run.trackDeletes) return run.models ?? [];
  return untilStored(() => askedModels(deps.db, run.runId), signal);
}

/** Part of the transaction that ends a successful run. */
export async function forgetTrackings(db: Queryable, run: Attempt): Promise<void> {
  const keepsUnasked = !run.trackDeletes && (await findCheckpoint(db, run)) !== undefined;
  await endTrackings(db, { runId: run.runId, keepsUnasked });
}

async function decide(
  deps: Parts,
  run: Attempt,
  model: string,
  comparison: Comparison,
  signal: AbortSignal,
): Promise<Decision> {
  const known = await untilStored(() => decisionOf(deps.db, run.runId, comparison.headId), signal);
  if (known !== undefined) return known;
  const { stale, live } = await untilStored(() => countStale(deps.db, comparison), signal);
  const isMuch = isTooMuch({ stale, live, share: run.deletionGuard });
  const confirmed = isMuch ? await untilStored(() => confirmedCount(deps.db, comparison), signal) : undefined;
  const decision = { stale, live, held: isMuch && !(confirmed !== undefined && stale <= confirmed) };
  const keep = async (db: Queryable): Promise<void> => {
    await keepDecision(db, writerOf(deps, run, model), comparison, decision);
    if (decision.held) await addLogLines(db, run.runId, [heldLine(deps, run, model, decision)]);
  };
  await untilStored(async () => {
    // Repeated after a commit in doubt, it finds what it kept.
    if ((await decisionOf(deps.db, run.runId, comparison.headId)) !== undefined) return;
    await withTransaction(deps.db, keep);
  }, signal);
  if (decision.held) deps.log('run.deletions_held', { run: run.runId, name: run.name, model, stale, live });
  return decision;
}

// Behind every line that the script can write.
function heldLine(deps: Parts, run: Attempt, model: string, { stale, live }: Decision): LogLine {
  const seq = firstLine(run.generation + 1) - 1 - (run.models?.indexOf(model) ?? 0);
  const message =
    `Deletions of '${model}' are held: ${stale} of ${live} records were not seen, which is more than this sync may ` +
    `delete. If they are gone indeed, confirm the number with POST /sync/deletions/confirm for the next run.`;
  return { seq, at: deps.clock(), level: 'warn', message };
}

async function deleteAll(
  deps: Parts,
  run: Attempt,
  model: string,
  comparison: Comparison,
  signal: AbortSignal,
): Promise<boolean> {
  for await (const page of stalePages(deps, comparison, signal)) {
    for (let from = 0; from < page.length; from += DELETED_AT_ONCE) {
      if (signal.aborted) return false;
      const ids = page.slice(from, from + DELETED_AT_ONCE);
      const deleted = await untilStored(
        () => withTransaction(deps.db, (db) => deleteStale(db, writerOf(deps, run, model), comparison, ids)),
        signal,
      );
      deps.meter.recordsWritten({ added: 0, updated: 0, deleted });
    }
  }
  return !signal.aborted;
}

async function* stalePages(
  deps: Parts,
  comparison: Comparison,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  for (let afterId: string | null = ''; afterId !== null; ) {
    const page = { afterId, scanned: SCANNED_AT_ONCE };
    const found: Stale = await untilStored(() => staleAfter(deps.db, comparison, page), signal);
    if (found.ids.length > 0) yield found.ids;
    afterId = found.lastId;
  }
}

function writerOf(deps: Parts, run: Attempt, model: string): Writer {
  const { runId, fence, syncId, connectionRow, variant } = run;
  return { runId, fence, syncId, connectionRow, variant, model, at: deps.clock() };
}
