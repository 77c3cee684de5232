/** Running the on-event scripts of an integration: durable runs like those of actions, started by what happened. */
import type { OnEvent } from '../contract/on-events.ts';
import { allocateActionRun } from '../store/allocation.ts';
import type { Connection } from '../store/connections.ts';
import type { Queryable } from '../store/db.ts';
import type { Environment } from '../store/environments.ts';
import { actionResult } from '../store/run-ends.ts';
import { endRun, type StoredFailure } from '../store/runs.ts';
import { scriptsOfEvent } from '../store/scripts.ts';
import type { ApiDeps } from './deps.ts';

export type EventRun = { readonly runId: string; readonly workflowId: string; readonly script: string };

/** Allocates a run of each script of that event for the connection; nothing runs yet. */
export async function allocateEvent(
  db: Queryable,
  deps: Pick<ApiDeps, 'box' | 'clock'>,
  environment: Environment,
  { connection, event }: { readonly connection: Connection; readonly event: OnEvent },
): Promise<EventRun[]> {
  const runs: EventRun[] = [];
  for (const script of await scriptsOfEvent(db, connection.integrationId, event)) {
    const run = { environment, script, connection, input: null, startedBy: 'event' } as const;
    runs.push({ ...(await allocateActionRun(db, deps, run)), script: script.name });
  }
  return runs;
}

/** Starts runs that nobody waits for; reconcile starts those that Temporal cannot hear of now. */
export async function startEvents(deps: ApiDeps, runs: readonly EventRun[]): Promise<void> {
  for (const run of runs) {
    await deps.engine.startAction(run).catch((error: unknown) => {
      deps.log('event.postponed', { run: run.runId, error: error instanceof Error ? error.message : String(error) });
    });
  }
}

export type FailedEvent = EventRun & { readonly failure: StoredFailure };

/** Runs the scripts one after the other to their ends and answers the first that failed; those behind it are not begun. */
export async function awaitEvents(deps: ApiDeps, runs: readonly EventRun[]): Promise<FailedEvent | undefined> {
  for (const [index, run] of runs.entries()) {
    const failure = await awaitEvent(deps, run);
    if (failure === undefined) continue;
    for (const { runId } of runs.slice(index + 1)) await endUnbegun(deps, runId, NOT_BEGUN);
    return { ...run, failure };
  }
  return undefined;
}

const NOT_BEGUN: StoredFailure = { code: 'script_aborted', message: 'Another script for the same event has failed' };
const UNREACHED: StoredFailure = {
  code: 'engine_unavailable',
  message: 'Temporal was out of reach before the script began',
};

async function awaitEvent(deps: ApiDeps, run: EventRun): Promise<StoredFailure | undefined> {
  try {
    await deps.engine.runAction(run);
  } catch (error) {
    deps.log('event.unreached', { run: run.runId, error: error instanceof Error ? error.message : String(error) });
    await endUnbegun(deps, run.runId, UNREACHED);
  }
  const { state, error } = await actionResult(deps.db, run.runId);
  if (state === 'success') return undefined;
  return error ?? { code: 'runner_lost', message: `The script's run ended as ${state}` };
}

/** Fence 0 is that of a run no attempt has begun. */
async function endUnbegun(deps: ApiDeps, runId: string, failure: StoredFailure): Promise<void> {
  const end = { runId, fence: 0, state: 'failed', failure, output: null, at: deps.clock() } as const;
  if (await endRun(deps.db, end)) deps.metrics.runEnded({ kind: 'action', state: 'failed' });
}
