/**
 * Effects, one verb per file, with their dependencies passed in. Each activity may be repeated at any point. What
 * authors and upstreams cause is answered as a value; what is thrown is a fault of our own parts, and Temporal retries.
 */
import { createStartWebhooks } from './announce-run.ts';
import { createDeliverWebhook } from './deliver-webhook.ts';
import type { Dependencies } from './dependencies.ts';
import { createRefreshIdle } from './refresh-idle.ts';
import { createReconcileActivities } from './reconcile.ts';
import { createActionActivities } from './run-action.ts';
import { createStartEvents } from './start-events.ts';
import { createRunScript } from './run-script.ts';
import { createSweepJournals } from './sweep-journals.ts';
import { createSweepLogs } from './sweep-logs.ts';
import { createSweepRecords } from './sweep-records.ts';
import { createSettleRun } from './settle-run.ts';
import { tellingWaits } from './wait-length.ts';

export { type Dependencies, JOURNAL_LIMITS, type ScriptLimits } from './dependencies.ts';
export { boundedJournal } from './journal-bound.ts';
export { failureInterceptor } from './failure-interceptor.ts';
export { openRunControl } from './run-control.ts';

export function createActivities(deps: Dependencies) {
  const startWebhooks = createStartWebhooks(deps);
  const startEvents = createStartEvents(deps);
  const actions = createActionActivities(deps);
  return {
    runScript: tellingWaits(deps.clock, createRunScript(deps)),
    runAction: tellingWaits(deps.clock, actions.runAction),
    continueAction: tellingWaits(deps.clock, actions.continueAction),
    settleRun: createSettleRun(deps),
    refreshIdle: createRefreshIdle(deps),
    ...createReconcileActivities(deps),
    deliverWebhook: tellingWaits(deps.clock, createDeliverWebhook(deps)),
    /** Everything that was written to be told or begun and was not. */
    startWebhooks: async () => {
      await startWebhooks();
      await startEvents();
    },
    sweepJournals: createSweepJournals(deps),
    sweepRecords: createSweepRecords(deps),
    sweepLogs: createSweepLogs(deps),
  };
}

export type Activities = ReturnType<typeof createActivities>;
