/** Allocating runs: rows exist before their workflows do, so that a caller learns the id and nothing is lost between. */
import { randomBytes } from 'node:crypto';
import { v7 as newRunId, v5 as uuidOf } from 'uuid';
import { EngineError } from '../contract/failures.ts';
import type { AllocatedRun } from '../contract/engine.ts';
import { actionWorkflowId, inboundWorkflowId, syncWorkflowId } from '../contract/ids.ts';
import type { Connection } from './connections.ts';
import { type Queryable, violatedConstraint } from './db.ts';
import { addRun, type NewRun, runOfWorkflow, type StartedBy } from './runs.ts';
import type { Script } from './scripts.ts';
import type { SecretBox } from './secret-box.ts';
import { addressOf, type Sync } from './syncs.ts';

/** A new run's id; ids sort by time. */
export function runIdAt(at: Date): string {
  return newRunId({ msecs: at.getTime() });
}

/** What the ids of all runs allocated before that time sort below, and no other. */
export function runIdsBefore(at: Date): string {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

export type Allocating = { readonly box: SecretBox; readonly clock: () => Date };

/** Never changed, or a script that begins again would start a second time what it has started. */
const NAMESPACE = '0f1a1c52-6c1e-4d6b-9a35-3f1d5e2b7c90';

/** The id of a run that a script starts: the same for the same call. */
export function runIdOf(call: string): string {
  return uuidOf(call, NAMESPACE);
}

/**
 * Allocates a run of a sync, for a workflow still to be started or (`workflow`) for one that runs already; for the
 * latter a second call answers the run of the first.
 */
export async function allocateSyncRun(
  db: Queryable,
  { box, clock }: Allocating,
  sync: Sync,
  startedBy: StartedBy,
  workflow?: { workflowId: string; workflowRunId: string },
  ownId?: string,
): Promise<AllocatedRun> {
  const at = clock();
  const runId = ownId ?? runIdAt(at);
  const workflowId = workflow?.workflowId ?? syncWorkflowId(addressOf(sync), runId);
  const added = await addRun(db, {
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
  if (added || workflow === undefined) return { runId, syncId: sync.id, workflowId, address: addressOf(sync) };
  // The workflow's first attempt allocated it already: this is a retry of that attempt.
  const earlier = await runOfWorkflow(db, workflow);
  if (earlier === undefined) throw new EngineError('internal', `Workflow '${workflowId}' lost the run it had`);
  return { runId: earlier, syncId: sync.id, workflowId, address: addressOf(sync) };
}

/** Allocates a run of an action. @param input JSON text or null. */
export async function allocateActionRun(
  db: Queryable,
  { box, clock }: Allocating,
  action: {
    environment: { id: string; name: string };
    script: Pick<Script, 'id' | 'name' | 'bundleHash'>;
    connection: Pick<Connection, 'id' | 'connectionId' | 'providerConfigKey'>;
    input: string | null;
    retries?: number;
    detached?: boolean;
    startedBy?: StartedBy;
    rootRun?: string;
    /** An id made by `runIdAt`, or by `runIdOf`: asking again finds the run that is there. */
    runId?: string;
  },
): Promise<{ readonly runId: string; readonly workflowId: string }> {
  const { environment, script, connection } = action;
  const at = clock();
  const runId = action.runId ?? runIdAt(at);
  const workflowId = actionWorkflowId({
    environment: environment.name,
    integration: connection.providerConfigKey,
    connection: connection.connectionId,
    action: script.name,
    runId,
  });
  const run: NewRun = {
    id: runId,
    environmentId: environment.id,
    connectionRow: connection.id,
    scriptId: script.id,
    syncId: null,
    kind: 'action',
    name: script.name,
    variant: 'base',
    startedBy: action.startedBy ?? 'api',
    bundleHash: script.bundleHash,
    workflowId,
    workflowRunId: null,
    sealedSeed: box.seal(randomBytes(32).toString('hex')),
    input: action.input,
    retries: action.retries ?? 0,
    detached: action.detached ?? false,
    ...(action.rootRun !== undefined && { rootRun: action.rootRun }),
    at,
  };
  await addRun(db, run).catch((error: unknown) => {
    if (action.runId === undefined || violatedConstraint(error) !== 'runs_pkey') throw error;
  });
  return { runId, workflowId };
}

/** Allocates a run of a sync's handler for a webhook. @param webhook.input JSON text. */
export async function allocateWebhookRun(
  db: Queryable,
  { box, clock }: Allocating,
  sync: Sync,
  webhook: { readonly webhookId: string; readonly input: string; readonly retries: number },
): Promise<void> {
  const at = clock();
  const id = runIdAt(at);
  const { environmentId, connectionRow, scriptId, name, variant, bundleHash } = sync;
  await addRun(db, {
    ...{ id, environmentId, connectionRow, scriptId, syncId: sync.id, kind: 'webhook', name, variant, bundleHash, at },
    ...{ startedBy: 'webhook', workflowId: inboundWorkflowId(id), workflowRunId: null, ...webhook },
    sealedSeed: box.seal(randomBytes(32).toString('hex')),
  });
}
