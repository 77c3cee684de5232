import type { RecordCounts } from '../contract/host.ts';
import { checkpointsOfSyncs } from '../store/checkpoints.ts';
import { type HeldDeletions, heldDeletions } from '../store/held-deletions.ts';
import { type LiveCount, recordCounts } from '../store/record-heads.ts';
import { countsOfRuns, latestRuns, type RunView } from '../store/run-views.ts';
import type { Sync } from '../store/syncs.ts';
import type { ApiDeps } from './deps.ts';

export type SyncStatus = 'RUNNING' | 'WAITING' | 'PAUSED' | 'STOPPED' | 'SUCCESS' | 'ERROR';

/** What a sync is doing: its newest run decides, unless that is paused, or none is under way and the sync is. Pure. */
export function statusOf(sync: Pick<Sync, 'paused'>, run: Pick<RunView, 'state' | 'control'> | undefined): SyncStatus {
  if (run?.state === 'running' || run?.state === 'queued') return 'RUNNING';
  if (run?.state === 'waiting') return run.control === 'pause' ? 'PAUSED' : 'WAITING';
  if (sync.paused) return 'PAUSED';
  if (run?.state === 'success') return 'SUCCESS';
  if (run?.state === 'failed') return 'ERROR';
  return 'STOPPED';
}

/** The status of each sync as the facts' §4.2 has it, from rows; only the next start is asked of Temporal. */
export async function describeSyncs(deps: ApiDeps, syncs: readonly Sync[]) {
  const runs = await latestRuns(
    deps.db,
    syncs.map((sync) => sync.id),
  );
  const counts = await countsOfRuns(
    deps.db,
    runs.map((run) => run.id),
  );
  const live = await recordCounts(deps.db, [...new Set(syncs.map((sync) => sync.connectionRow))]);
  const held = await heldDeletions(
    deps.db,
    syncs.map((sync) => sync.id),
  );
  const checkpoints = await checkpointsOfSyncs(
    deps.db,
    syncs.map((sync) => sync.id),
  );
  const runOf = new Map(runs.map((run) => [run.syncId, run]));
  return Promise.all(
    syncs.map(async (sync) => {
      const run = runOf.get(sync.id);
      return describeSync(deps, {
        sync,
        run,
        counts: counts.get(run?.id ?? ''),
        live,
        held: held.filter(({ syncId }) => syncId === sync.id),
        checkpoint: checkpoints.get(sync.id),
        next: await nextRunOf(deps, sync),
      });
    }),
  );
}

type Description = {
  readonly sync: Sync;
  readonly run: RunView | undefined;
  readonly counts: Readonly<Record<string, RecordCounts>> | undefined;
  readonly live: readonly LiveCount[];
  readonly held: readonly HeldDeletions[];
  readonly checkpoint: Readonly<Record<string, unknown>> | undefined;
  readonly next: Date | null;
};

function describeSync(deps: ApiDeps, { sync, run, counts, live, held, checkpoint, next }: Description) {
  const status = statusOf(sync, run);
  return {
    id: sync.id,
    type: sync.lastSyncDate === null ? 'INITIAL' : sync.syncType.toUpperCase(),
    name: sync.name,
    variant: sync.variant,
    connection_id: sync.connectionId,
    status,
    jobStatus: status,
    latestResult: counts ?? {},
    frequency: sync.runs,
    finishedAt: run?.finishedAt?.toISOString() ?? null,
    nextScheduledSyncAt: next?.toISOString() ?? null,
    failures_in_a_row: sync.failures,
    backs_off: sync.backsOffUntil !== null && sync.backsOffUntil > deps.clock(),
    latestExecutionStatus: executionStatus(run),
    recordCount: Object.fromEntries(sync.models.map((model) => [model, liveOf(live, sync, model)])),
    deletions_held: Object.fromEntries(held.map(({ model, count }) => [model, count])),
    checkpoint: checkpoint ?? null,
    resumeAt: run?.resumeAt?.toISOString() ?? null,
    waitReason: run?.waitReason ?? null,
    run_id: run?.id ?? null,
    link: run === undefined ? null : deps.engine.linkTo(run),
    error: run?.error ? { code: run.error.code, message: run.error.message } : null,
  };
}

function executionStatus(run: RunView | undefined): 'SUCCESS' | 'ERROR' | null {
  if (run?.state === 'success') return 'SUCCESS';
  return run?.state === 'failed' ? 'ERROR' : null;
}

function liveOf(live: readonly LiveCount[], sync: Sync, model: string): number {
  const found = live.find(
    (count) => count.connectionRow === sync.connectionRow && count.model === model && count.variant === sync.variant,
  );
  return found?.live ?? 0;
}

/**
 * When the schedule starts the sync next; of one that backs off, the first of its ticks that is not let pass. Temporal out
 * of reach leaves this one field unknown; everything else is in the rows.
 */
export async function nextRunOf({ engine, log }: Pick<ApiDeps, 'engine' | 'log'>, sync: Sync): Promise<Date | null> {
  if (sync.paused) return null;
  const tick = await engine.nextRunAt(sync.scheduleId).catch((error: unknown) => {
    log('schedule.unknown', {
      schedule: sync.scheduleId,
      reason: error instanceof Error ? error.message : String(error),
    });
    return null;
  });
  return tick === null || sync.backsOffUntil === null ? tick : firstTickFrom(tick, sync.intervalMs, sync.backsOffUntil);
}

/** Only intervals back off, whose ticks are as far from each other as it says. */
function firstTickFrom(tick: Date, intervalMs: number, from: Date): Date {
  const missing = Math.ceil((from.getTime() - tick.getTime()) / intervalMs);
  return new Date(tick.getTime() + Math.max(0, missing) * intervalMs);
}
