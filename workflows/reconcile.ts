import {
  allHandlersFinished,
  condition,
  continueAsNew,
  patched,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { reconcileSignal } from './messages.ts';
import {
  reconcileSyncs,
  removeSchedules,
  settleLostRuns,
  startQueuedRuns,
  startWebhooks,
  sweepJournals,
  sweepLogs,
  sweepRecords,
} from './proxies.ts';

/**
 * Makes Temporal equal Postgres: schedules of syncs that are new or changed, no schedule without a sync, allocated runs
 * started, runs whose workflow is gone ended, webhooks started that nobody started, journals, records and logs past their
 * time dropped.
 * `thorough` also looks for schedules that somebody else removed.
 */
export async function reconcileWorkflow({ thorough }: { readonly thorough: boolean }): Promise<void> {
  let again = true;
  setHandler(reconcileSignal, () => {
    again = true;
  });
  while (again) {
    again = false;
    await eachPage(async (afterId) => {
      const page = await reconcileSyncs({ afterId, thorough });
      setCurrentDetails(page.left > 0 ? `${page.left} syncs left whose schedule is new or changed` : '');
      return page;
    });
    await removeSchedules({ thorough });
    await eachPage((afterId) => startQueuedRuns({ afterId }));
    if (thorough) await eachPage((afterId) => settleLostRuns({ afterId }));
    if (patched('start-webhooks')) await startWebhooks();
    if (thorough && patched('2026-11-journal-sweep')) await eachPage((afterId) => sweepJournals({ afterId }));
    if (thorough && patched('2026-11-record-sweep')) await eachPage((afterId) => sweepRecords({ afterId }));
    if (thorough && patched('2026-11-log-sweep')) await sweepLogs();
    await condition(allHandlersFinished);
    if (again && workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof reconcileWorkflow>({ thorough });
    }
  }
}

async function eachPage(work: (afterId: string) => Promise<{ readonly nextAfterId: string | null }>): Promise<void> {
  for (let afterId: string | null = '0'; afterId !== null; ) afterId = (await work(afterId)).nextAfterId;
}
