/**
 * Puts the engine together on open parts: in one process, API and workers share one connection to Temporal, so that an
 * action's first task is handed over without a hop. Nothing imports this room.
 */
import type { Client } from '@temporalio/client';
import type { Database } from '../store/db.ts';
import type { SecretBox } from '../store/secret-box.ts';
import { bundleWorkflows } from '../worker/bundle.ts';
import { type EngineOptions, openCore, VERSION } from './core.ts';
import { addSdkMetrics, watchEngine, watchProcess } from './instruments.ts';
import { startApi } from './own-api.ts';
import { startOwnWorkers } from './own-workers.ts';

export type { Roles } from './core.ts';

export type RunningEngine = {
  readonly db: Database;
  readonly box: SecretBox;
  readonly client: Client;
  readonly clock: () => Date;
  /** Set where the API runs. */
  readonly apiUrl: string | undefined;
  /** Resolves once nothing in this process bundles any more. */
  readonly loaded: Promise<void>;
  /** Ends when a worker fails for good. */
  readonly failed: Promise<never>;
};

/** Starts the roles asked for; closers go to `closing` as parts are opened, so a failure half-way can be undone. */
export async function startEngine(options: EngineOptions): Promise<RunningEngine> {
  const { roles, settings } = options;
  const traced = settings.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
  const [core, workflowBundle] = await Promise.all([
    openCore(options),
    roles.actions || roles.syncs ? bundleWorkflows({ traced }) : undefined,
  ]);
  const { db, box, client, clock, metrics } = core;
  const workers = workflowBundle && (await startOwnWorkers(options, core, workflowBundle));
  const failed = workers?.failed ?? new Promise<never>(() => undefined);
  watchProcess(metrics, { db, sandbox: workers?.sandbox });
  addSdkMetrics(core.instruments, core.processQueue);
  if (roles.api) watchEngine(metrics, { db, taskQueues: core.engine.taskQueues });
  const apiUrl = roles.api ? await startApi(options, core) : undefined;
  const loaded = workers?.sandbox.loaded ?? Promise.resolve();
  return { db, box, client, clock, apiUrl, loaded, failed };
}

/** The version of this release. */
export function version(): string {
  return VERSION;
}
