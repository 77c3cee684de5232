/** One attempt to run a script to its end, for syncs and actions alike. */
import { EngineError } from '../contract/failures.ts';
import type { GuestContext, ScriptBundle, ScriptOutcome } from '../contract/script.ts';
import { type Connection, connectionById } from '../store/connections.ts';
import { endRun, type Attempt, type RunEnd, type StoredFailure } from '../store/runs.ts';
import { findBundle } from '../store/scripts.ts';
import type { Dependencies } from './dependencies.ts';
import { createDurableHost } from './host/durable-host.ts';
import { untilStored } from './store-retry.ts';

export type AttemptResult = {
  /** Null when the attempt was stopped from outside (cancelled, or handed over): nothing was decided. */
  readonly outcome: ScriptOutcome | null;
  readonly requests: number;
};

const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const MAX_CALLS_IN_FLIGHT = 64;

/**
 * Runs the script once. What the author or an upstream caused is part of the result; thrown are only faults of our own
 * parts: `lease_lost`, `store_unavailable`, `runner_lost`, `internal`.
 */
export async function runAttempt(deps: Dependencies, run: Attempt, stop: AbortSignal): Promise<AttemptResult> {
  const connection = await untilStored(() => connectionById(deps.db, run.connectionRow), stop);
  if (connection === undefined) throw new EngineError('lease_lost', 'The connection was deleted');
  const bundle = await loadBundle(deps, run.bundleHash, stop);
  const attempt = new AbortController();
  const onStop = (): void => attempt.abort(stop.reason);
  if (stop.aborted) onStop();
  stop.addEventListener('abort', onStop, { once: true });
  try {
    const durable = createDurableHost(deps, run, connection, attempt);
    const outcome = await deps.sandbox.run({
      environment: run.environment,
      bundle,
      kind: run.kind,
      context: contextOf(run, connection),
      input: run.input ?? undefined,
      seed: deps.box.open(run.sealedSeed),
      clock: deps.clock,
      host: durable.host,
      limits: limitsOf(deps, run),
      signal: attempt.signal,
    });
    const fault = durable.fault();
    if (fault) throw fault;
    if (stop.aborted) return { outcome: null, requests: durable.requests() };
    await durable.flush();
    if (outcome.status === 'failed' && outcome.failure.code === 'runner_lost') {
      throw new EngineError('runner_lost', outcome.failure.message, { details: outcome.failure.details });
    }
    return { outcome, requests: durable.requests() };
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}

/** How a run ended, as its row says it. */
export function endOf(
  run: Attempt,
  result: { readonly outcome: ScriptOutcome; readonly requests: number },
  at: Date,
): RunEnd {
  const { outcome, requests } = result;
  const base = { runId: run.runId, fence: run.fence, requests, at };
  if (outcome.status === 'completed') {
    return { ...base, state: 'success', failure: null, output: outcome.output ?? null };
  }
  return { ...base, state: 'failed', failure: storedFailure(outcome.failure), output: null };
}

/** Ends a run that nobody can go on with. */
export async function endAsFailed(deps: Dependencies, runId: string, failure: StoredFailure): Promise<boolean> {
  const end = { runId, fence: null, state: 'failed', failure, output: null, requests: 0, at: deps.clock() } as const;
  return endRun(deps.db, end);
}

function storedFailure({
  code,
  message,
  details,
}: Extract<ScriptOutcome, { status: 'failed' }>['failure']): StoredFailure {
  return { code, message, ...details };
}

// Bundles are immutable and small in number; a worker keeps the last ones so that an action needs no query for its own.
const KEPT_BUNDLES = 200;
const kept = new WeakMap<object, Map<string, ScriptBundle>>();

async function loadBundle(deps: Dependencies, hash: string, signal: AbortSignal): Promise<ScriptBundle> {
  const cache = kept.get(deps.db) ?? new Map<string, ScriptBundle>();
  kept.set(deps.db, cache);
  const cached = cache.get(hash);
  if (cached) return cached;
  const bundle = await untilStored(() => findBundle(deps.db, hash), signal);
  if (bundle === undefined) throw new EngineError('internal', `Bundle '${hash}' is not stored`);
  if (cache.size >= KEPT_BUNDLES) cache.delete(cache.keys().next().value ?? '');
  cache.set(hash, bundle);
  return bundle;
}

function contextOf(run: Attempt, connection: Connection): GuestContext {
  const common = {
    environmentName: run.environment,
    providerConfigKey: connection.providerConfigKey,
    provider: connection.provider,
    connectionId: connection.connectionId,
    scriptName: run.name,
  };
  if (run.kind === 'action') return common;
  return {
    ...common,
    variant: run.variant,
    models: run.models ?? [],
    lastSyncDate: run.lastSyncDate?.toISOString() ?? null,
  };
}

function limitsOf({ limits }: Dependencies, run: Attempt) {
  return {
    memoryMb: limits.memoryMb,
    cpuMs: limits.cpuMs,
    wallClockMs: run.kind === 'sync' ? limits.syncWallClockMs : limits.actionWallClockMs,
    maxCallsInFlight: MAX_CALLS_IN_FLIGHT,
    maxFrameBytes: MAX_FRAME_BYTES,
  };
}
