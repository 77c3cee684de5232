import type { Client } from '@temporalio/client';
import type { RunFailure } from '../contract/sync.ts';
import { RESUME_SIGNAL } from '../contract/engine.ts';
import { overdueWorkflows } from '../store/run-control.ts';
import { openRuns, queuedSyncRuns } from '../store/runs.ts';
import {
  forgetRemoval,
  markScheduled,
  pageOfSyncs,
  scheduleRemovals,
  type Sync,
  unknownSchedules,
} from '../store/syncs.ts';
import { endAsFailed } from './attempt.ts';
import type { Dependencies } from './dependencies.ts';
import { deleteSchedule, putSchedule, scheduleExists } from './schedules.ts';
import { isOpenWorkflow } from './workflow-state.ts';

type Page = { readonly nextAfterId: string | null };

const PAGE = 200;
/** Calls to Temporal at once; its schedules are workflows of their own, so each costs it some milliseconds. */
const AT_ONCE = 10;

export type ReconcileActivities = ReturnType<typeof createReconcileActivities>;

/** Postgres says what should be; these make Temporal follow, a page at a time. Each may be repeated at any point. */
export function createReconcileActivities(deps: Dependencies) {
  const { db, client } = deps;
  return {
    /** Creates or corrects the schedules of syncs Temporal was not told of; `thorough` also looks for lost ones. */
    async reconcileSyncs({ afterId, thorough }: { afterId: string; thorough: boolean }): Promise<Page> {
      const syncs = await pageOfSyncs(db, { afterId, limit: PAGE, unscheduledOnly: !thorough });
      await inGroups(syncs, (sync) => reconcileSync(deps, sync));
      return { nextAfterId: syncs.length < PAGE ? null : (syncs.at(-1)?.id ?? null) };
    },

    /** Deletes schedules whose sync is gone; `thorough` also those that no table remembers. */
    async removeSchedules({ thorough }: { thorough: boolean }): Promise<void> {
      for (;;) {
        const ids = await scheduleRemovals(db, PAGE);
        await inGroups(ids, async (id) => {
          await deleteSchedule(client, id);
          await forgetRemoval(db, id);
        });
        if (ids.length < PAGE) break;
      }
      if (thorough) await removeOrphans(deps);
    },

    /** Starts allocated runs whose process died before it could start their workflow, and wakes those that overslept. */
    async startQueuedRuns({ afterId }: { afterId: string }): Promise<Page> {
      await wakeOverdueRuns(deps);
      const runs = await queuedSyncRuns(db, { afterId, limit: PAGE });
      await inGroups(runs, (run) => deps.startSync(run));
      return { nextAfterId: runs.length < PAGE ? null : (runs.at(-1)?.runId ?? null) };
    },

    /** Ends runs that are shown as running while Temporal knows no workflow for them. */
    async settleLostRuns({ afterId }: { afterId: string }): Promise<Page> {
      const runs = await openRuns(db, { afterId, limit: PAGE });
      await inGroups(runs, async (run) => {
        if (!(await isOpenWorkflow(client, run))) await endAsFailed(deps, run, LOST);
      });
      return { nextAfterId: runs.length < PAGE ? null : (runs.at(-1)?.runId ?? null) };
    },
  };
}

const LOST: RunFailure = {
  code: 'runner_lost',
  message: 'The workflow of this run ended without reporting (terminated, or lost with its server)',
};

const OVERDUE_MS = 30_000;

/** Waking one that is about to go on by itself changes nothing. */
async function wakeOverdueRuns({ db, client, clock, log }: Dependencies): Promise<void> {
  const before = new Date(clock().getTime() - OVERDUE_MS);
  await inGroups(await overdueWorkflows(db, { before, limit: PAGE }), (workflowId) =>
    client.workflow
      .getHandle(workflowId)
      .signal(RESUME_SIGNAL)
      .catch((error: unknown) => log('run.wake_failed', { workflow: workflowId, reason: String(error) })),
  );
}

async function reconcileSync(deps: Dependencies, sync: Sync): Promise<void> {
  if (sync.scheduledRevision === sync.revision && (await scheduleExists(deps.client, sync.scheduleId))) return;
  await putSchedule(deps.client, sync);
  await markScheduled(deps.db, sync);
}

async function removeOrphans({ db, client }: Dependencies): Promise<void> {
  for await (const ids of listedSyncSchedules(client)) {
    await inGroups(await unknownSchedules(db, ids), (id) => deleteSchedule(client, id));
  }
}

// The list lags behind and may still show deleted schedules: good enough to find candidates, since Postgres decides.
async function* listedSyncSchedules(client: Client): AsyncGenerator<string[]> {
  let ids: string[] = [];
  for await (const { scheduleId } of client.schedule.list({ pageSize: PAGE })) {
    if (scheduleId.startsWith('sync:')) ids.push(scheduleId);
    if (ids.length < PAGE) continue;
    yield ids;
    ids = [];
  }
  yield ids;
}

async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    await Promise.all(items.slice(from, from + AT_ONCE).map(work));
  }
}
