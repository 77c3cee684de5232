/** For how long an attempt runs in one go. */
import { TASK_QUEUES } from '../contract/engine.ts';
import { firstInLine, type Scope } from '../store/run-room.ts';
import type { Attempt } from '../store/runs.ts';
import type { Dependencies } from './dependencies.ts';

/** Well below the time-outs of workflows/proxies.ts, which would show in the history as failures. */
const LONGEST_MS = { sync: 24 * 3_600_000, action: 15 * 60_000 } as const;
const LOOK_EVERY_MS = 60_000;
/** Temporal's number of the queue that activities wait in. */
const ACTIVITY_QUEUE = 2;

export type Turn = {
  /** Ends when the attempt is to make room at its next host call. */
  readonly over: AbortSignal;
  /** Where others stand in line for its place; undefined when they want something else, or nothing. */
  readonly wantedBy: () => Scope | undefined;
  readonly end: () => void;
};

/**
 * Watches an attempt until `end`. A sync that has run for a slice gives way while others wait for a place or a worker;
 * no attempt runs longer than its activity may.
 * @param liveMs for how long the script has done something new: going through its journal is never interrupted.
 */
export function watchTurn(deps: Dependencies, run: Attempt, liveMs: () => number): Turn {
  const over = new AbortController();
  const sliceMs = run.kind === 'sync' ? deps.limits.sliceMs : LONGEST_MS.action;
  let wantedBy: Scope | undefined;
  let isLooking = false;

  const look = async (): Promise<void> => {
    const line = await firstInLine(deps.db, run.runId);
    wantedBy = line[0]?.scope;
    if (wantedBy !== undefined || (await isBacklog(deps))) over.abort();
  };
  const tick = (): void => {
    const ran = liveMs();
    if (ran >= LONGEST_MS[run.kind]) return over.abort();
    if (run.kind !== 'sync' || ran < sliceMs || isLooking) return;
    isLooking = true;
    look()
      .catch((error: unknown) => deps.log('run.turn_unread', { run: run.runId, reason: String(error) }))
      .finally(() => {
        isLooking = false;
      });
  };
  const ticker = setInterval(tick, Math.min(sliceMs, LOOK_EVERY_MS));
  ticker.unref();
  return { over: over.signal, wantedBy: () => wantedBy, end: () => clearInterval(ticker) };
}

/** Whether runs of syncs wait for a worker that has a slot for them. */
async function isBacklog({ client }: Dependencies): Promise<boolean> {
  const { stats } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: TASK_QUEUES.syncs },
    taskQueueType: ACTIVITY_QUEUE,
    reportStats: true,
  });
  return Number(stats?.approximateBacklogCount ?? 0) > 0;
}
