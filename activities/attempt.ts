/** One attempt to run a script to its end, or to its next long wait, for syncs and actions alike. */
import { createHash } from 'node:crypto';
import { EngineError, type FailureCode } from '../contract/failures.ts';
import type { JournalEntry } from '../contract/journal.ts';
import { createRedactor, redactedIn, type Redactor } from '../contract/redaction.ts';
import { guestContext, type ScriptBundle, type ScriptOutcome } from '../contract/script.ts';
import { paginateDefaults } from '../outbound/catalogue.ts';
import { DEPLOYED_TRAFFIC } from '../sandbox/limits.ts';
import { findCheckpoint } from '../store/checkpoints.ts';
import { type Queryable, withTransaction } from '../store/db.ts';
import { pendingCalls, savePendingCalls, unrepeatableCalls } from '../store/journal.ts';
import {
  type Attempt,
  countDivergence,
  endRun,
  refreshAttempt,
  type RunEnd,
  type StoredFailure,
  suspendRun,
} from '../store/runs.ts';
import { PAUSED } from '../store/run-control.ts';
import { giveWay } from '../store/run-room.ts';
import { addLogLines } from '../store/run-logs.ts';
import { loadBundle } from './bundles.ts';
import type { Dependencies } from './dependencies.ts';
import { modelsTracked, trackModels } from './deletions.ts';
import { emptyCacheOf } from './empty-cache.ts';
import { type AttemptResult, finish } from './finish.ts';
import { createDurableHost } from './host/durable-host.ts';
import { firstLine, waitLine } from './host/run-log.ts';
import { secretsIn } from './host/script-secrets.ts';
import { createRecorder, type Recorder, type Stored } from './recorder.ts';
import type { WatchedRun } from './run-control.ts';
import { renew } from './renewal.ts';
import { untilStored } from './store-retry.ts';
import { traceHost } from './traced-host.ts';
import { type Turn, watchTurn } from './turn.ts';
import { noteProcessDied } from '../store/replays.ts';

/** Deaths of its process after which a run is alone in one, and deaths in a row with nothing new after which it fails. */
const DEATHS_BEFORE_ALONE = 2;
const MAX_DEATHS_IN_PLACE = 4;

export type Supervision = {
  /** The attempt is to end as it is: its process goes away, or Temporal says so. */
  readonly signal: AbortSignal;
  /** What people ask of the run. */
  readonly watched: WatchedRun;
  /** Joins the transaction that ends the run. */
  readonly onEnd: (db: Queryable, end: RunEnd) => Promise<void>;
  /** Hears what each flush has stored. */
  readonly onStored?: ((stored: Stored) => void) | undefined;
};

/**
 * Runs the script until it has ended, waits for long, or is stopped; the process it ran in may die on the way. Thrown
 * are only faults of our own parts: `lease_lost`, `store_unavailable`, `internal`.
 */
export async function runAttempt(
  deps: Dependencies,
  begun: Attempt,
  { signal, watched, onEnd, onStored }: Supervision,
): Promise<AttemptResult> {
  const stop = AbortSignal.any([signal, watched.cancelled]);
  const bundle = await loadBundle(deps, begun.bundleHash, stop);
  let run = begun;
  if (!(await emptyCacheOf(deps, run, stop))) return { status: 'stopped' };
  await trackModels(deps, run, modelsTracked(run, bundle), stop);
  for (let deaths = NO_DEATHS; ; ) {
    const alone = deaths.all >= DEATHS_BEFORE_ALONE;
    const pass = await runPass(deps, run, { bundle, stop, watched, alone, onStored });
    const end = (outcome: Ended) => finish(deps, run, pass.recorder, { outcome, stop, onEnd });
    const next = await afterPass(deps, run, pass, { stop, end, deaths }).catch((error: unknown) => {
      // Its last answers found no room.
      if (!(error instanceof EngineError) || error.code !== 'script_limit_exceeded') throw error;
      return end(failed(error));
    });
    if ('status' in next) return next;
    ({ deaths } = next);
    run = await untilStored(() => refreshAttempt(deps.db, run), stop);
  }
}

type Ended = Extract<ScriptOutcome, { status: 'completed' | 'failed' }>;
/** Of processes a run was in: all, and those in a row with nothing new. */
type Deaths = { readonly all: number; readonly inPlace: number };
const NO_DEATHS: Deaths = { all: 0, inPlace: 0 };

/** What a pass comes to: a result of its attempt, or one more pass. */
async function afterPass(
  deps: Dependencies,
  run: Attempt,
  { outcome, recorder, turn }: Pass,
  given: {
    readonly stop: AbortSignal;
    readonly end: (outcome: Ended) => Promise<AttemptResult>;
    readonly deaths: Deaths;
  },
): Promise<AttemptResult | { readonly deaths: Deaths }> {
  const { stop, end } = given;
  let { deaths } = given;
  if (stop.aborted) {
    // What cannot be kept now is done again by the next attempt.
    await recorder.flush().catch(() => undefined);
    return { status: 'stopped' };
  }
  if (outcome.status === 'suspended') return suspend(deps, run, { recorder, turn }, outcome);
  const isLost = outcome.status === 'failed' && outcome.failure.code === 'runner_lost';
  if (outcome.status === 'completed' || (outcome.status === 'failed' && !isLost)) return end(outcome);
  // Flushes are counted one after the other: the next pass begins to count when this one has ended.
  await recorder.flush();
  if (outcome.status === 'failed') {
    // A script that kills its process does so at the same place again; one that gets further is killed from outside.
    deaths = { all: deaths.all + 1, inPlace: recorder.chunks() > run.chunks ? 1 : deaths.inPlace + 1 };
    if (deaths.inPlace >= MAX_DEATHS_IN_PLACE) return end(outcome);
    deps.log('run.process_died', { run: run.runId, name: run.name, reason: outcome.failure.message });
    await untilStored(() => noteProcessDied(deps.db, { ...run, at: deps.clock() }), stop);
  } else if (outcome.status === 'diverged') {
    const failure = await untilStored(() => beginAgain(deps, run, outcome.reason), stop);
    if (failure) return end(failure);
  }
  return { deaths };
}

type Pass = { readonly outcome: ScriptOutcome; readonly recorder: Recorder; readonly turn: Turn };

/** The script once, from its first line: through what the journal remembers and on from there. */
async function runPass(
  deps: Dependencies,
  run: Attempt,
  given: Pick<Supervision, 'watched' | 'onStored'> & {
    bundle: ScriptBundle;
    stop: AbortSignal;
    alone: boolean;
  },
): Promise<Pass> {
  const abort = new AbortController();
  const signal = AbortSignal.any([abort.signal, given.stop]);
  let fault: EngineError | undefined;
  const fail = (error: EngineError): void => {
    // An author's try/catch must not swallow it: the pass ends here.
    fault ??= error;
    abort.abort(error);
  };
  // Calls are announced by flushes: where there was none, there is nothing to look for.
  const pending = run.flushed === 0 ? [] : await untilStored(() => pendingCalls(deps.db, run), given.stop);
  const { stop, watched, onStored } = given;
  const redactor = createRedactor();
  // What the script was told before it was resumed, it knows again.
  const onRead = ({ kind, ok, json }: JournalEntry): void => {
    if (ok) redactor.add(secretsIn(kind, () => JSON.parse(json)));
  };
  const recorder = createRecorder(deps, run, pending, { signal: stop, fail, heed: watched.heed, onStored, onRead });
  const over = new AbortController();
  const pass = { recorder, redactor, signal, beginAgain: (db: Queryable) => renew(db, deps, run) };
  const host = traceHost(deps.tracing, createDurableHost(deps, run, pass), over.signal);
  const turn = watchTurn(deps, run, recorder.liveMs);
  const leave = deps.flushWindow.enter();
  const running = deps.sandbox.run({
    environment: run.environment,
    bundle: given.bundle,
    kind: run.kind,
    context: guestContext(run, {
      ...run.connection,
      paginate: paginateDefaults(deps.catalogue, run.connection.provider),
    }),
    input: run.input ?? undefined,
    seed: deps.box.open(run.sealedSeed),
    clock: deps.clock,
    beginsAt: run.beginsAt,
    host,
    limits: limitsOf(deps, run),
    ranMs: run.runningMs,
    signal,
    interrupt: AbortSignal.any([given.watched.paused, turn.over]),
    journal: recorder.journal,
    alone: given.alone,
  });
  const outcome = await running.finally(turn.end).finally(leave);
  over.abort();
  if (fault !== undefined && !FAULTS_OF_SCRIPTS.has(fault.code)) throw fault;
  return { recorder, turn, outcome: withoutSecrets(fault === undefined ? outcome : failed(fault, outcome), redactor) };
}

/** Of what the recorder ends a pass for, that which the script has brought about: its run fails. */
const FAULTS_OF_SCRIPTS: ReadonlySet<FailureCode> = new Set(['record_invalid', 'script_limit_exceeded']);

/** What a script fails with goes into rows, logs and histories: its own words must not carry there what it was told. */
function withoutSecrets(outcome: ScriptOutcome, { redact }: Redactor): ScriptOutcome {
  if (outcome.status === 'diverged') return { ...outcome, reason: redact(outcome.reason) };
  if (outcome.status !== 'failed') return outcome;
  const { code, message, details } = outcome.failure;
  return { ...outcome, failure: { code, message: redact(message), details: redactedIn(details, redact) } };
}

/** The failure, with the last calls of the script that was stopped for it. */
function failed(
  { code, message, details }: EngineError,
  stopped?: ScriptOutcome,
): Extract<ScriptOutcome, { status: 'failed' }> {
  const lastCalls = stopped?.status === 'failed' ? stopped.failure.details.lastCalls : undefined;
  return {
    status: 'failed',
    failure: { code, message, details: { ...(lastCalls && { lastCalls }), ...details } },
    calls: 0,
  };
}

async function suspend(
  deps: Dependencies,
  run: Attempt,
  { recorder, turn }: Omit<Pass, 'outcome'>,
  { suspension, calls }: Extract<ScriptOutcome, { status: 'suspended' }>,
): Promise<AttemptResult> {
  const resumeAt = suspension.resumeAt === null ? null : new Date(suspension.resumeAt);
  const reason = resumeAt === null ? PAUSED : suspension.reason;
  const until = resumeAt?.toISOString() ?? null;
  const message = until === null ? 'The run is paused' : `The run waits until ${until}: ${reason}`;
  let isSuspended = false;
  let wayGiven: WayGiven | undefined;
  await recorder.flush(async (db) => {
    await savePendingCalls(db, run, suspension.pending);
    isSuspended = await suspendRun(db, { runId: run.runId, fence: run.fence, at: deps.clock(), resumeAt, reason });
    if (isSuspended)
      await addLogLines(db, run.runId, [{ seq: waitLine(run, calls), at: deps.clock(), level: 'info', message }]);
    else if (resumeAt === null) wayGiven = await leavePlace(db, deps, run, turn);
  });
  if (wayGiven) return { status: 'waiting', ...wayGiven };
  if (!isSuspended) return { status: 'interrupted' };
  deps.log('run.waiting', { run: run.runId, name: run.name, until, reason });
  return resumeAt === null ? { status: 'paused' } : { status: 'waiting', resumeAt, reason };
}

type WayGiven = { readonly resumeAt: Date; readonly reason: string };

/** Long enough for those in line to be first when the run asks for a place again. */
const WAY_GIVEN_MS = 2_000;

/** Leaves the place of a run whose turn is over to whoever stands in line for it. */
async function leavePlace(db: Queryable, deps: Dependencies, run: Attempt, turn: Turn): Promise<WayGiven | undefined> {
  const scope = turn.over.aborted ? turn.wantedBy() : undefined;
  if (scope === undefined) return undefined;
  const at = deps.clock();
  const given = { resumeAt: new Date(at.getTime() + WAY_GIVEN_MS), reason: `it lets other runs of its ${scope} pass` };
  return (await giveWay(db, { runId: run.runId, fence: run.fence, scope, at, ...given })) ? given : undefined;
}

/** How often a run begins again from one point: what leads it astray a second time will do so for ever. */
const MAX_DIVERGENCES = 1;

/**
 * The script went another way than its journal: it begins again from its checkpoint, unless calls that change the world
 * would then be made twice, or it has done so before. Answers the failure when it may not.
 */
async function beginAgain(
  deps: Dependencies,
  run: Attempt,
  reason: string,
): Promise<Extract<ScriptOutcome, { status: 'failed' }> | undefined> {
  const done = await unrepeatableCalls(deps.db, run);
  const story = `Script '${run.name}' went another way than before its interruption (${reason})`;
  if (done.length > 0) {
    return failed(
      new EngineError(
        'script_diverged',
        `${story} and cannot begin again: it has made, or may have made, ${done.join(', ')}. Check there before the next run.`,
      ),
    );
  }
  const { connectionRow, kind, name, variant } = run;
  return withTransaction(deps.db, async (db) => {
    const checkpoint = await findCheckpoint(db, { connectionRow, kind, name, variant });
    const from = createHash('sha256')
      .update(checkpoint ?? '')
      .digest('hex');
    const divergences = await countDivergence(db, { ...run, from });
    // Done already, by a commit whose answer was lost; or another attempt has taken over, which shows at the next look.
    if (divergences === undefined) return undefined;
    if (divergences > MAX_DIVERGENCES)
      return failed(new EngineError('script_diverged', `${story}, as before. ${AGAIN}`));
    await renew(db, deps, run);
    const message = `${story}: it begins again from its checkpoint`;
    const seq = firstLine(run.generation + 1);
    await addLogLines(db, run.runId, [{ seq, at: deps.clock(), level: 'warn', message }]);
    return undefined;
  });
}

const AGAIN =
  'A script that saves checkpoints gets on in spite of this; where no answer of an API has changed, report it as a bug.';

/** Ends a run that nobody can go on with. */
export async function endAsFailed(
  deps: Dependencies,
  { runId, kind }: Pick<Attempt, 'runId' | 'kind'>,
  failure: StoredFailure,
): Promise<void> {
  const end: RunEnd = { runId, fence: null, state: 'failed', failure, output: null, at: deps.clock() };
  if (await endRun(deps.db, end)) deps.meter.runEnded({ kind, state: 'failed' });
}

/** What a cancelled run says of itself; a call that was cut off and may have changed the world is named. */
export async function cancellationOf({ db }: Dependencies, run: Attempt): Promise<StoredFailure> {
  const calls = await pendingCalls(db, run);
  const cut = calls.filter(({ state, harmless }) => state === 'intended' && !harmless).map(({ what }) => what);
  const doubt = cut.length === 0 ? '' : ` while ${cut.join(', ')} was under way, which may have happened`;
  return { code: 'script_aborted', message: `The run was cancelled${doubt}` };
}

/** What happens to a connection does not wait for long (nango-surface, section 7.1). */
const EVENT_WALL_CLOCK_MS = 300_000;

function wallClockOf(limits: Dependencies['limits'], run: Attempt): number {
  if (run.kind === 'sync') return limits.syncWallClockMs;
  if (run.startedBy !== 'event') return limits.actionWallClockMs;
  return Math.min(EVENT_WALL_CLOCK_MS, limits.actionWallClockMs);
}

function limitsOf({ limits }: Dependencies, run: Attempt) {
  return {
    memoryMb: limits.memoryMb,
    cpuMs: limits.cpuMs,
    wallClockMs: wallClockOf(limits, run),
    ...DEPLOYED_TRAFFIC,
  };
}
