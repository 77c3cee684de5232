import type { RunFailure } from '../contract/sync.ts';
import { discardForgotten } from '../store/connections.ts';
import { overdueWebhookRuns } from '../store/inbound-webhooks.ts';
import { type UnstartedRun, unstartedRuns } from '../store/event-runs.ts';
import { endUnbegun, unbegunActions } from '../store/unbegun-actions.ts';
import type { Dependencies } from './dependencies.ts';
import { isOpenWorkflow } from './workflow-state.ts';

const AT_ONCE = 200;
const ASKED_AT_ONCE = 20;
/** What was allocated just now is being started by whoever allocated it. */
const GRACE_MS = 60_000;
/** Longer than any script may take to say whether a connection is to be accepted. */
const VALIDATED_WITHIN_MS = 30 * 60_000;

const NEVER_BEGUN: RunFailure = {
  code: 'runner_lost',
  message: 'The API process that was to start the action died before it could: call it again',
};

/**
 * Does what a crash left undone: starts runs that nobody waits for and that nobody started, ends actions whose caller was
 * cut off before they began, drops half-made connections.
 */
export function createStartEvents({ db, client, clock, meter, startAction }: Dependencies) {
  const endIfForgotten = async ({ runId, workflowId }: UnstartedRun): Promise<void> => {
    if (await isOpenWorkflow(client, { workflowId, workflowRunId: null })) return;
    const isOver = await endUnbegun(db, { runId, failure: NEVER_BEGUN, at: clock() });
    if (isOver) meter.runEnded({ kind: 'action', state: 'failed' });
  };
  return async (): Promise<void> => {
    const now = clock().getTime();
    await discardForgotten(db, new Date(now - VALIDATED_WITHIN_MS));
    const before = new Date(now - GRACE_MS);
    for (const run of await unstartedRuns(db, before, AT_ONCE)) await startAction(run);
    for (const run of await overdueWebhookRuns(db, before, AT_ONCE)) await startAction(run);
    // Behind any number of others that wait for a worker.
    for (let afterId: string | undefined = ''; afterId !== undefined; ) {
      const runs: readonly UnstartedRun[] = await unbegunActions(db, { before, afterId, limit: ASKED_AT_ONCE });
      await Promise.all(runs.map(endIfForgotten));
      afterId = runs.length < ASKED_AT_ONCE ? undefined : runs.at(-1)?.runId;
    }
  };
}
