import type { Client } from '@temporalio/client';
import type { RunFailure } from '../contract/sync.ts';
import { RESUME_SIGNAL } from '../contract/engine.ts';
import { overdueWorkflows } from '../store/run-control.ts';
import { withTransaction } from '../store/db.ts';
import { lockDueSyncs } from '../store/locks.ts';
import { markTold, openRuns, queuedSyncRuns } from '../store/open-runs.ts';
import {
  countDueSyncs,
  dueSyncs,
  forgetRemoval,
  markScheduled,
  pageOfSchedules,
  scheduleRemovals,
  type Sync,
  syncById,
  unknownSchedules,
} from '../store/syncs.ts';
import { endAsFailed } from './attempt.ts';
import type { Dependencies } from './dependencies.ts';
import { withHeartbeat } from './heartbeat.ts';
import { deleteSchedule, putSchedule, scheduleExists } from './schedules.ts';
import { isOpenWorkflow } from './workflow-state.ts';

type Page = { readonly nextAfterId: string | null };

const PAGE = 200;
/** Of syncs that are due: whoever comes meanwhile waits for one page, not for all of another's deployment. */
const DUE_PAGE = 50;
const LISTED_PAGE = 1000;
/** Calls to Temporal at once; its schedules are workflows of their own, so each costs it some milliseconds. */
const AT_ONCE = 10;
/** A queued run that Temporal was told of so long ago and no worker has begun may be lost, and is told of again. */
const TOLD_AGAIN_AFTER_MS = 600_000;

/** Postgres says what should be; these make Temporal follow, a page at a time. Each may be repeated at any point. */
export function createReconcileActivities(deps: Dependencies) {
  const { db, client } = deps;
  return {
    /**
     * Creates or corrects the schedules of a page of syncs that Temporal was not told of; `left` is how many there are
     * besides. `thorough` looks for lost schedules first.
     */
    reconcileSyncs: ({ afterId, thorough }: { afterId: string; thorough: boolean }): Promise<Page & { left: number }> =>
      withHeartbeat(async (signal) => {
        if (thorough && afterId === '0') await restoreLost(deps, signal);
        const syncs = await tellDue(deps, signal);
        const isLast = syncs.length < DUE_PAGE;
        return { nextAfterId: isLast ? null : (syncs.at(-1)?.id ?? null), left: isLast ? 0 : await countDueSyncs(db) };
      }),

    /** Deletes schedules whose sync is gone; `thorough` also those that no table remembers. */
    removeSchedules: ({ thorough }: { thorough: boolean }): Promise<void> =>
      withHeartbeat(async (signal) => {
        for (;;) {
          const ids = await scheduleRemovals(db, PAGE);
          await inGroups(ids, signal, async (id) => {
            await deleteSchedule(client, id);
            await forgetRemoval(db, id);
          });
          if (ids.length < PAGE) break;
        }
        if (thorough) await removeOrphans(deps, signal);
      }),

    /** Starts allocated runs whose process died before it could start their workflow, and wakes those that overslept. */
    startQueuedRuns: ({ afterId }: { afterId: string }): Promise<Page> =>
      withHeartbeat(async (signal) => {
        // Whoever was connected meanwhile does not wait for the first runs of another's deployment.
        await tellDue(deps, signal);
        await wakeOverdueRuns(deps, signal);
        const started = await startQueued(deps, signal, { afterId, limit: PAGE });
        return { nextAfterId: started.length < PAGE ? null : (started.at(-1) ?? null) };
      }),

    /** Ends runs that are shown as running while Temporal knows no workflow for them. */
    settleLostRuns: ({ afterId }: { afterId: string }): Promise<Page> =>
      withHeartbeat(async (signal) => {
        const runs = await openRuns(db, { afterId, limit: PAGE });
        await inGroups(runs, signal, async (run) => {
          if (!(await isOpenWorkflow(client, run))) await endAsFailed(deps, run, LOST);
        });
        return { nextAfterId: runs.length < PAGE ? null : (runs.at(-1)?.runId ?? null) };
      }),
  };
}

const LOST: RunFailure = {
  code: 'runner_lost',
  message: 'The workflow of this run ended without reporting (terminated, or lost with its server)',
};

const OVERDUE_MS = 30_000;

/** Waking one that is about to go on by itself changes nothing. */
async function wakeOverdueRuns({ db, client, clock, log }: Dependencies, signal: AbortSignal): Promise<void> {
  const before = new Date(clock().getTime() - OVERDUE_MS);
  await inGroups(await overdueWorkflows(db, { before, limit: PAGE }), signal, (workflowId) =>
    client.workflow
      .getHandle(workflowId)
      .signal(RESUME_SIGNAL)
      .catch((error: unknown) => log('run.wake_failed', { workflow: workflowId, reason: String(error) })),
  );
}

/**
 * Tells Temporal of a page of syncs, and starts the first runs of scripts with few of them: those of a large deployment
 * have time until all schedules are there. The reconcile of each minute and the one that the API asks for take
 * pages in turn, never the same one.
 */
function tellDue(deps: Dependencies, signal: AbortSignal): Promise<readonly Sync[]> {
  return withTransaction(deps.db, async (locked) => {
    await lockDueSyncs(locked);
    const due = await dueSyncs(deps.db, DUE_PAGE);
    await inGroups(due, signal, (sync) => tellSchedule(deps, sync));
    const few = due.filter(({ dueOfScript }) => dueOfScript <= DUE_PAGE);
    await startQueued(deps, signal, { afterId: '0', limit: PAGE, syncIds: few.map(({ id }) => id) });
    return due;
  });
}

/** Starts the workflows of a page of queued runs and answers the ids of the runs. */
async function startQueued(
  deps: Dependencies,
  signal: AbortSignal,
  page: { readonly afterId: string; readonly limit: number; readonly syncIds?: readonly string[] },
): Promise<readonly string[]> {
  const { db, clock, startSync } = deps;
  if (page.syncIds?.length === 0) return [];
  const at = clock();
  const runs = await queuedSyncRuns(db, { ...page, toldBefore: new Date(at.getTime() - TOLD_AGAIN_AFTER_MS) });
  await inGroups(runs, signal, startSync);
  const ids = runs.map(({ runId }) => runId);
  await markTold(db, ids, at);
  return ids;
}

async function tellSchedule({ client, db }: Dependencies, sync: Sync): Promise<void> {
  await putSchedule(client, sync);
  await markScheduled(db, sync);
}

/**
 * Makes schedules again that somebody else removed. Temporal's list lags behind, so one that is not on it is asked for by
 * itself; to ask for each would cost Temporal a query of a workflow for every sync, every minute.
 */
async function restoreLost(deps: Dependencies, signal: AbortSignal): Promise<void> {
  const { client, db } = deps;
  const listed = new Set<string>();
  for await (const ids of listedSyncSchedules(client)) for (const id of ids) listed.add(id);
  for (let afterId = '0'; ; ) {
    const page = await pageOfSchedules(db, { afterId, limit: LISTED_PAGE });
    await inGroups(
      page.filter(({ scheduleId }) => !listed.has(scheduleId)),
      signal,
      async ({ id, scheduleId }) => {
        if (await scheduleExists(client, scheduleId)) return;
        const sync = await syncById(db, id);
        if (sync) await tellSchedule(deps, sync);
      },
    );
    afterId = page.at(-1)?.id ?? afterId;
    if (page.length < LISTED_PAGE) return;
  }
}

async function removeOrphans({ db, client }: Dependencies, signal: AbortSignal): Promise<void> {
  for await (const ids of listedSyncSchedules(client)) {
    await inGroups(await unknownSchedules(db, ids), signal, (id) => deleteSchedule(client, id));
  }
}

// The list lags behind and may still show deleted schedules: good enough to find candidates, since Postgres decides.
async function* listedSyncSchedules(client: Client): AsyncGenerator<string[]> {
  let ids: string[] = [];
  for await (const { scheduleId } of client.schedule.list({ pageSize: LISTED_PAGE })) {
    if (scheduleId.startsWith('sync:')) ids.push(scheduleId);
    if (ids.length < LISTED_PAGE) continue;
    yield ids;
    ids = [];
  }
  yield ids;
}

/** Throws the signal's reason before a further group: the attempt in the next worker goes on with what is left. */
async function inGroups<T>(items: readonly T[], signal: AbortSignal, work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    signal.throwIfAborted();
    await Promise.all(items.slice(from, from + AT_ONCE).map(work));
  }
}
