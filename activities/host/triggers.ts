import { forgetFailures } from '../../store/back-off.ts';
import { EngineError } from '../../contract/failures.ts';
import type { Host } from '../../contract/host.ts';
import { allocateActionRun, runIdOf } from '../../store/allocation.ts';
import type { Connection } from '../../store/connections.ts';
import { findConnection } from '../../store/connections.ts';
import { violatedConstraint, withTransaction } from '../../store/db.ts';
import { resumeRuns } from '../../store/run-control.ts';
import { openRunsOfRoot } from '../../store/open-runs.ts';
import { actionResult } from '../../store/run-ends.ts';
import type { Attempt } from '../../store/runs.ts';
import { findScript } from '../../store/scripts.ts';
import { lockRoot } from '../../store/locks.ts';
import { listSyncs, setPaused, type Sync } from '../../store/syncs.ts';
import { type TriggerOptions, type Triggering, triggerInStore } from '../../store/trigger-sync.ts';
import type { Dependencies } from '../dependencies.ts';
import { untilStored } from '../store-retry.ts';

/**
 * Calls that start other scripts. The run they start has an id that follows from the call, so a script that runs again
 * finds the run it has started already and waits for that one.
 */
export function createTriggerCalls(
  deps: Dependencies,
  run: Attempt,
  own: Connection,
  signal: AbortSignal,
): Pick<Host, 'triggerAction' | 'triggerSync' | 'startSync'> {
  const idOf = (number: number) => runIdOf(`${run.runId}:${run.generation}:${number}`);
  return {
    triggerAction: async ({ action, ...address }, { number, body }) => {
      const runId = idOf(number);
      const workflowId = await untilStored(
        () => allocateAction(deps, run, own, { ...address, action, runId, input: body ?? null }),
        signal,
      );
      await deps.runAction({ runId, workflowId });
      const { state, output, error } = await untilStored(() => actionResult(deps.db, runId), signal);
      if (state === 'success') return { value: null, ...(output === null ? {} : { body: output }) };
      const message = error?.message ?? `Action '${action}' is ${state}`;
      // That the other's process was lost is not to be taken for a loss of this one's, whose run would begin again.
      const code = error === null || error.code === 'runner_lost' ? 'action_failed' : error.code;
      throw new EngineError(code, message, { details: { payload: error?.payload } });
    },
    triggerSync: async ({ name, variant, reset, emptyCache, ...address }, { number }) => {
      const options = { reset, emptyCache, runId: idOf(number) };
      for (const sync of await syncsOf(deps, own, address, [name], signal)) {
        if (sync.variant !== variant) continue;
        const triggered = await untilStored(() => triggerOnce(deps, sync, options), signal);
        if (triggered !== undefined) await tellWorkflows(deps, triggered);
      }
      return { value: null };
    },
    startSync: async ({ names, ...address }) => {
      const syncs = await syncsOf(deps, own, address, names, signal);
      const ids = syncs.map(({ id }) => id);
      // Runs before syncs, as a run that ends locks them. Reconcile wakes the runs whose pause is over.
      const resume = () =>
        withTransaction(deps.db, async (db) => {
          await resumeRuns(db, ids, deps.clock());
          await setPaused(db, ids, false);
          await forgetFailures(db, { syncIds: ids });
        });
      await untilStored(resume, signal);
      await deps.reconcile();
      return { value: null };
    },
  };
}

type Address = { readonly providerConfigKey: string; readonly connectionId: string };

/** Allocates the run unless an earlier pass has; answers its workflow's id. */
async function allocateAction(
  deps: Dependencies,
  run: Attempt,
  own: Connection,
  call: Address & { readonly action: string; readonly runId: string; readonly input: string | null },
): Promise<string> {
  const { environmentId } = own;
  const { providerConfigKey, connectionId, action, runId, input } = call;
  const connection = await findConnection(deps.db, { environmentId, providerConfigKey, connectionId });
  const script = await findScript(deps.db, { environmentId, providerConfigKey, kind: 'action', name: action });
  if (connection === undefined)
    throw new EngineError(
      'unknown_connection',
      `triggerAction: no connection '${connectionId}' of integration '${providerConfigKey}'`,
    );
  if (script === undefined)
    throw new EngineError(
      'unknown_action',
      `triggerAction: no action '${action}' is deployed for integration '${providerConfigKey}'`,
    );
  const environment = { id: environmentId, name: run.environment };
  const allocating = { environment, script, connection, input, runId, rootRun: run.rootRun };
  return withTransaction(deps.db, async (db) => {
    // Many calls that count at once would all find room.
    await lockRoot(db, run.rootRun);
    const open = await openRunsOfRoot(db, { rootRun: run.rootRun, besides: runId });
    if (open >= deps.limits.calledActions) throw tooMany(action, open);
    // One that is there already ends this transaction without a trace, in which nothing else was written.
    return (await allocateActionRun(db, deps, allocating)).workflowId;
  });
}

/**
 * Each script that waits for another holds a place of its worker meanwhile: one that calls itself without an end would
 * take all of them from everybody.
 */
function tooMany(action: string, open: number): EngineError {
  return new EngineError(
    'script_limit_exceeded',
    `triggerAction: ${open} actions that one run has caused are under way, and no more may be (NANGO_MAX_CALLED_ACTIONS): await some before you start '${action}', and look for one that calls itself`,
  );
}

async function syncsOf(
  deps: Dependencies,
  own: Connection,
  { providerConfigKey, connectionId }: { readonly providerConfigKey: string; readonly connectionId?: string },
  names: readonly string[],
  signal: AbortSignal,
): Promise<Sync[]> {
  const { environmentId } = own;
  const filter = { environmentId, providerConfigKey, connectionId: connectionId ?? null, names };
  const syncs = await untilStored(() => listSyncs(deps.db, filter), signal);
  const missing = names.filter((name) => !syncs.some((sync) => sync.name === name));
  if (missing.length === 0) return syncs;
  const of = connectionId === undefined ? '' : ` for connection '${connectionId}'`;
  throw new EngineError('unknown_sync', `No sync '${missing.join("', '")}' of integration '${providerConfigKey}'${of}`);
}

/** Undefined when this very call has done it before: the run that it allocated then has ended, or is at work. */
async function triggerOnce(deps: Dependencies, sync: Sync, options: TriggerOptions): Promise<Triggering | undefined> {
  try {
    return await triggerInStore(deps.db, deps, sync, options);
  } catch (error) {
    if (violatedConstraint(error) === 'runs_pkey') return undefined;
    throw error;
  }
}

async function tellWorkflows(deps: Dependencies, triggered: Triggering): Promise<void> {
  if ('joined' in triggered) {
    // Reconcile wakes the runs whose pause is over.
    if (triggered.resumed.length > 0) await deps.reconcile();
    return;
  }
  const { allocated, cancelled } = triggered;
  if (cancelled !== undefined) {
    deps.meter.runEnded({ kind: 'sync', state: 'cancelled' });
    // The run has ended in Postgres: a workflow that does not hear of it finds out at its next write.
    const { workflowId } = cancelled;
    await deps.client.workflow
      .getHandle(workflowId)
      .cancel()
      .catch((error: unknown) => deps.log('cancel.postponed', { workflow: workflowId, reason: String(error) }));
  }
  await deps.startSync(allocated);
}
