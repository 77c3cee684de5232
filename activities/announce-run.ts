import { withTransaction } from '../store/db.ts';
import { endedRun, untoldRuns } from '../store/run-ends.ts';
import { addDelivery, nextSequence, overdueDeliveries } from '../store/webhook-deliveries.ts';
import { webhookSettings } from '../store/webhook-settings.ts';
import type { Dependencies } from './dependencies.ts';
import { bodyOf, webhooksOf } from './webhook-body.ts';

/**
 * Tells the application of a run that has ended: writes the deliveries and starts them. Repeating it writes none twice.
 * It fails nothing: what could not be written or started now, the sweep of reconcile does within two minutes.
 */
export async function announceRun(deps: Dependencies, runId: string): Promise<void> {
  try {
    const ids = await writeDeliveries(deps, runId);
    await Promise.all(ids.map((id) => deps.startDelivery(id)));
  } catch (error) {
    deps.log('webhook.postponed', { run: runId, error: error instanceof Error ? error.message : String(error) });
  }
}

async function writeDeliveries(deps: Dependencies, runId: string): Promise<string[]> {
  const run = await endedRun(deps.db, runId);
  const settings = run && (await webhookSettings(deps.db, run.environmentId));
  if (run === undefined || settings === undefined) return [];
  const urls = [settings.primary_url, settings.secondary_url].filter((url) => url !== null);
  const webhooks = urls.length === 0 ? [] : webhooksOf(run, settings);
  if (webhooks.length === 0) return [];
  return withTransaction(deps.db, async (db) => {
    const ids: (string | undefined)[] = [];
    for (const webhook of webhooks) {
      const sequence = await nextSequence(db, run.connectionRow);
      const { environmentId, connectionRow } = run;
      const { subject, type } = webhook;
      const body = bodyOf(webhook, sequence);
      for (const url of new Set(urls)) {
        const delivery = { environmentId, connectionRow, runId, subject, type, url, body, sequence, at: deps.clock() };
        ids.push(await addDelivery(db, delivery));
      }
    }
    return ids.filter((id) => id !== undefined);
  });
}

const SWEPT = 200;
/** A run that ended longer ago than this is not told of any more. */
const LOOK_BACK_MS = 24 * 3_600_000;
/** What ended just now is being told of by whoever ended it. */
const GRACE_MS = 60_000;

/** Does what a crash left undone: announces runs that nobody announced and starts deliveries that nobody started. */
export function createStartWebhooks(deps: Dependencies) {
  return async (): Promise<void> => {
    const now = deps.clock().getTime();
    const to = new Date(now - GRACE_MS);
    const untold = await untoldRuns(deps.db, { from: new Date(now - LOOK_BACK_MS), to, limit: SWEPT });
    for (const runId of untold) await announceRun(deps, runId);
    for (const id of await overdueDeliveries(deps.db, to, SWEPT)) await deps.startDelivery(id);
  };
}
