/** What a trigger of a sync comes to: a run of its own, or the one that is there already. */
import type { AllocatedRun } from '../contract/engine.ts';
import { EngineError } from '../contract/failures.ts';
import { allocateSyncRun, type Allocating } from './allocation.ts';
import { type Database, type Queryable, withTransaction } from './db.ts';
import { askForEmptyCache } from './empty-cache.ts';
import { leaseHolder } from './lease.ts';
import { lockTriggers } from './locks.ts';
import { endForReset, forgetProgress, freshenQueued } from './reset-sync.ts';
import { resumeRuns } from './run-control.ts';
import { type OpenRun, queuedRunOf } from './open-runs.ts';
import type { Sync } from './syncs.ts';

export type TriggerOptions = {
  /** Forget `lastSyncDate` and checkpoint; a run that is under way is cancelled, since it began with them. */
  readonly reset?: boolean;
  /** Remove what the sync has saved before its script begins, so that everything is added anew. */
  readonly emptyCache?: boolean;
  /**
   * The id of a run it allocates. Whoever triggers again with the same id joins what came of the first time, and changes
   * nothing, also where that was a run that was there already and has ended since.
   */
  readonly runId?: string;
};

/** `resumed` and `cancelled` are runs whose workflows are to be told. */
export type Triggering =
  | { readonly joined: OpenRun; readonly resumed: readonly string[] }
  | { readonly allocated: AllocatedRun; readonly cancelled?: OpenRun };

/**
 * Allocates a run of the sync, or joins the one that is under way, under a lock of the sync's triggers, so that two at
 * once come to one run. A run that is suspended goes on, also one of a paused sync.
 * @throws EngineError `conflict` where a script that runs already would have to begin with an empty cache; an error of
 * the constraint `runs_pkey` where the run with this id has been allocated, and ended, before.
 */
export async function triggerInStore(
  db: Database,
  deps: Allocating,
  sync: Sync,
  options: TriggerOptions,
): Promise<Triggering> {
  return withTransaction(db, async (client) => {
    await lockTriggers(client, sync.id);
    const joined = options.runId === undefined ? undefined : await joinedBefore(client, options.runId);
    if (joined !== undefined) return { joined, resumed: [] };
    const open = (await leaseHolder(client, sync.id)) ?? (await queuedRunOf(client, sync.id));
    if (open !== undefined && open.runId === options.runId) return joinRun(client, deps, sync, open);
    const come = await (options.reset ? allocateAfresh : allocateOrJoin)(client, deps, sync, open, options);
    if ('joined' in come && options.runId !== undefined) await noteJoined(client, options.runId, come.joined.runId);
    return come;
  });
}

/** The run that a trigger of this id has joined. */
async function joinedBefore(db: Queryable, triggerId: string): Promise<OpenRun | undefined> {
  const result = await db.query<OpenRun>(
    `select r.id as "runId", r.state, r.workflow_id as "workflowId", r.workflow_run_id as "workflowRunId"
     from joined_triggers t join runs r on r.id = t.run_id
     where t.trigger_id = $1::text`,
    [triggerId],
  );
  return result.rows[0];
}

async function noteJoined(db: Queryable, triggerId: string, runId: string): Promise<void> {
  await db.query(`insert into joined_triggers (trigger_id, run_id) values ($1::text, $2::text)`, [triggerId, runId]);
}

async function joinRun(db: Queryable, deps: Allocating, sync: Sync, joined: OpenRun): Promise<Triggering> {
  return { joined, resumed: await resumeRuns(db, [sync.id], deps.clock()) };
}

async function allocateOrJoin(
  db: Queryable,
  deps: Allocating,
  sync: Sync,
  open: OpenRun | undefined,
  { emptyCache, runId }: TriggerOptions,
): Promise<Triggering> {
  if (open !== undefined) {
    if (emptyCache) await emptyCacheOf(db, sync, open.runId);
    return joinRun(db, deps, sync, open);
  }
  const allocated = await allocateSyncRun(db, deps, sync, 'api', undefined, runId);
  if (emptyCache) await emptyCacheOf(db, sync, allocated.runId);
  return { allocated };
}

/** A run that knows of none before it: the queued one, or a new one in the place of one that is under way. */
async function allocateAfresh(
  db: Queryable,
  deps: Allocating,
  sync: Sync,
  open: OpenRun | undefined,
  { emptyCache, runId }: TriggerOptions,
): Promise<Triggering> {
  const at = deps.clock();
  const isFresh = open !== undefined && (await freshenQueued(db, open.runId));
  const isCancelled = open !== undefined && !isFresh && (await endForReset(db, { runId: open.runId, at }));
  await forgetProgress(db, sync, at);
  if (isFresh) {
    if (emptyCache) await emptyCacheOf(db, sync, open.runId);
    return joinRun(db, deps, sync, open);
  }
  const allocated = await allocateSyncRun(db, deps, sync, 'api', undefined, runId);
  if (emptyCache) await emptyCacheOf(db, sync, allocated.runId);
  return { allocated, ...(isCancelled && { cancelled: open }) };
}

async function emptyCacheOf(db: Queryable, sync: Sync, runId: string): Promise<void> {
  if (await askForEmptyCache(db, runId)) return;
  throw new EngineError(
    'conflict',
    `Sync '${sync.name}' of connection '${sync.connectionId}' is running: what it saves now cannot be told from what emptyCache would remove. Trigger it again when it has ended.`,
  );
}
