/** Allocating runs: rows exist before their workflows do, so that a caller learns the id and nothing is lost between. */
import { randomBytes } from 'node:crypto';
import { v7 as newRunId } from 'uuid';
import { actionWorkflowId, type SyncAddress, syncWorkflowId } from '../contract/ids.ts';
import type { Connection } from './connections.ts';
import type { Queryable } from './db.ts';
import { addRun, type StartedBy } from './runs.ts';
import type { Script } from './scripts.ts';
import type { SecretBox } from './secret-box.ts';
import { addSync, missingSyncs, type Sync, syncById } from './syncs.ts';

export type Allocating = { readonly box: SecretBox; readonly clock: () => Date };
export type AllocatedRun = { readonly runId: string; readonly syncId: string; readonly workflowId: string };

/** The names that make the sync's ids. */
export function addressOf(sync: Sync): SyncAddress {
  return {
    environment: sync.environment,
    integration: sync.providerConfigKey,
    connection: sync.connectionId,
    sync: sync.name,
    variant: sync.variant,
  };
}

/** Allocates a run of a sync, for a workflow still to be started or (`workflow`) for one that runs already. */
export async function allocateSyncRun(
  db: Queryable,
  { box, clock }: Allocating,
  sync: Sync,
  startedBy: StartedBy,
  workflow?: { workflowId: string; workflowRunId: string },
): Promise<AllocatedRun> {
  const at = clock();
  const runId = newRunId({ msecs: at.getTime() });
  const workflowId = workflow?.workflowId ?? syncWorkflowId(addressOf(sync), runId);
  await addRun(db, {
    id: runId,
    environmentId: sync.environmentId,
    connectionRow: sync.connectionRow,
    scriptId: sync.scriptId,
    syncId: sync.id,
    kind: 'sync',
    name: sync.name,
    variant: sync.variant,
    startedBy,
    bundleHash: sync.bundleHash,
    workflowId,
    workflowRunId: workflow?.workflowRunId ?? null,
    sealedSeed: box.seal(randomBytes(32).toString('hex')),
    input: null,
    at,
  });
  return { runId, syncId: sync.id, workflowId };
}

/**
 * Gives connections the deployed syncs they lack (one connection, or all of the environment with null) and allocates
 * the first run of each that starts by itself.
 */
export async function addMissingSyncs(
  db: Queryable,
  deps: Allocating,
  filter: { environmentId: string; connectionRow: string | null },
): Promise<AllocatedRun[]> {
  const runs: AllocatedRun[] = [];
  for (const missing of await missingSyncs(db, filter)) {
    const id = await addSync(db, filter.environmentId, missing, deps.clock());
    const sync = id === undefined || !missing.autoStart ? undefined : await syncById(db, id);
    if (sync) runs.push(await allocateSyncRun(db, deps, sync, 'creation'));
  }
  return runs;
}

/** Allocates a run of an action. @param input JSON text or null. */
export async function allocateActionRun(
  db: Queryable,
  { box, clock }: Allocating,
  action: { environment: { id: string; name: string }; script: Script; connection: Connection; input: string | null },
): Promise<{ readonly runId: string; readonly workflowId: string }> {
  const { environment, script, connection } = action;
  const at = clock();
  const runId = newRunId({ msecs: at.getTime() });
  const workflowId = actionWorkflowId({
    environment: environment.name,
    integration: connection.providerConfigKey,
    connection: connection.connectionId,
    action: script.name,
    runId,
  });
  await addRun(db, {
    id: runId,
    environmentId: environment.id,
    connectionRow: connection.id,
    scriptId: script.id,
    syncId: null,
    kind: 'action',
    name: script.name,
    variant: 'base',
    startedBy: 'api',
    bundleHash: script.bundleHash,
    workflowId,
    workflowRunId: null,
    sealedSeed: box.seal(randomBytes(32).toString('hex')),
    input: action.input,
    at,
  });
  return { runId, workflowId };
}
