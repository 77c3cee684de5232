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
import { createRunScript } from './run-script.ts';
import { createSweepJournals } from './sweep-journals.ts';
import { createSweepRecords } from './sweep-records.ts';
import { createSettleRun } from './settle-run.ts';

export { type Dependencies, JOURNAL_LIMITS, type ScriptLimits } from './dependencies.ts';
export { failureInterceptor } from './failure-interceptor.ts';
export { openRunControl } from './run-control.ts';

export function createActivities(deps: Dependencies) {
  return {
    runScript: createRunScript(deps),
    ...createActionActivities(deps),
    settleRun: createSettleRun(deps),
    refreshIdle: createRefreshIdle(deps),
    ...createReconcileActivities(deps),
    deliverWebhook: createDeliverWebhook(deps),
    startWebhooks: createStartWebhooks(deps),
    sweepJournals: createSweepJournals(deps),
    sweepRecords: createSweepRecords(deps),
  };
}

export type Activities = ReturnType<typeof createActivities>;
