/** The workers of one process, with the sandbox that their scripts run in. */
import { openFlushWindow } from '../activities/flush-window.ts';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { openRunControl } from '../activities/index.ts';
import { createDelivery } from '../outbound/delivery.ts';
import { ensureOwnSchedules } from '../runtime/temporal-setup.ts';
import { createSandbox, type Sandbox } from '../sandbox/pool.ts';
import { runsAtOnce, startWorkers } from '../worker/create.ts';
import type { Core, EngineOptions } from './core.ts';

/** How long an application may take to answer a webhook. */
const WEBHOOK_WITHIN_MS = 20_000;

/** Starts them; `failed` ends when one of them fails for good. */
export async function startOwnWorkers(
  { settings, parts, roles, log, closing }: EngineOptions,
  core: Core,
  workflowBundle: WorkflowBundleWithSourceMap,
): Promise<{ readonly sandbox: Sandbox; readonly failed: Promise<never> }> {
  const syncSlots = settings.NANGO_SYNC_SLOTS;
  const sandbox = createSandbox({ log, runsAtOnce: runsAtOnce(roles, syncSlots) });
  closing.add('the sandbox', sandbox.close);
  const delivery = createDelivery({ allow: settings.NANGO_OUTBOUND_ALLOW, answerTimeoutMs: WEBHOOK_WITHIN_MS });
  closing.add('webhooks', delivery.close);
  const control = openRunControl({ db: core.db, log });
  closing.add('the listener for runs', control.close);
  const { db, box, outbound, catalogue, client, clock, tracing, limits, journals, processQueue } = core;
  const { startSync, startAction, startDelivery, runAction, reconcile } = core.engine;
  const deps = {
    ...{ db, box, sandbox, control, outbound, delivery, catalogue, client, clock, log, tracing, limits, journals },
    ...{ startSync, startAction, startDelivery, runAction, reconcile, processQueue },
    keeper: core.authorizer.keeper,
    publicUrl: core.publicUrl.get,
    meter: core.metrics,
    flushWindow: openFlushWindow(),
    encryptsRecords: settings.NANGO_ENCRYPT_RECORDS,
    recordsKept: {
      pruneAfterDays: settings.NANGO_RECORDS_PRUNE_DAYS,
      removeAfterDays: settings.NANGO_RECORDS_REMOVE_DAYS,
    },
    logDays: settings.NANGO_LOGS_KEEP_DAYS,
    runDays: settings.NANGO_RUNS_KEEP_DAYS,
    actionLeft: core.ownActions?.left,
  };
  const { connection } = core;
  const { namespace } = parts.temporal;
  const workers = await startWorkers({ connection, namespace, workflowBundle, deps, roles, syncSlots, tracing });
  closing.add('the workers', workers.stop);
  if (roles.syncs) await ensureOwnSchedules(client);
  return { sandbox, failed: workers.done.then(() => new Promise<never>(() => undefined)) };
}
