/** What a process tells Prometheus, and where. */
import { TASK_QUEUES, type TaskQueueState } from '../contract/engine.ts';
import type { Closing } from '../runtime/closing.ts';
import type { Settings } from '../runtime/env.ts';
import type { Log } from '../runtime/log.ts';
import { createMetrics, type Metrics, type Reading } from '../runtime/metrics.ts';
import { serveMetrics } from '../runtime/metrics-server.ts';
import type { Sandbox } from '../sandbox/pool.ts';
import type { Database } from '../store/db.ts';
import { countOpenRuns } from '../store/run-gauges.ts';
import { countDueSyncs } from '../store/syncs.ts';
import { freePort } from './ports.ts';

export type Instruments = {
  readonly metrics: Metrics;
  /** Where the SDK of Temporal gives its own; undefined: nobody would ask. */
  readonly sdkAddress: string | undefined;
  /** Whether the REST API's port has them, for want of one of their own. */
  readonly onApiPort: boolean;
};

/** Opens the port for metrics if the settings name one. */
export async function openInstruments(
  settings: Pick<Settings, 'NANGO_METRICS_PORT' | 'SERVER_HOST'>,
  hasApi: boolean,
  { log, closing }: { readonly log: Log; readonly closing: Closing },
): Promise<Instruments> {
  const metrics = createMetrics();
  const port = settings.NANGO_METRICS_PORT;
  if (port !== undefined) {
    const server = await serveMetrics(metrics, { port, host: settings.SERVER_HOST });
    closing.add('the metrics', server.close);
    log('metrics.ready', { port: server.port });
  }
  const isAsked = hasApi || port !== undefined;
  const sdkAddress = isAsked ? `127.0.0.1:${await freePort()}` : undefined;
  return { metrics, sdkAddress, onApiPort: port === undefined };
}

/** Adds what the SDK of Temporal counts; the queue of this process alone gets a name that its successor has as well. */
export function addSdkMetrics({ metrics, sdkAddress }: Instruments, processQueue: string): void {
  if (sdkAddress === undefined) return;
  metrics.append(async () => {
    const answer = await fetch(`http://${sdkAddress}/metrics`, { signal: AbortSignal.timeout(2_000) });
    return (await answer.text()).replaceAll(processQueue, `${TASK_QUEUES.actions}:this-process`);
  });
}

/** What this process holds. */
export function watchProcess(metrics: Metrics, { db, sandbox }: { db: Database; sandbox: Sandbox | undefined }): void {
  metrics.watch(
    {
      name: 'nango_store_connections',
      help: 'Connections to Postgres, and queries that wait for one',
      labels: ['state'],
    },
    async () => [
      { labels: { state: 'busy' }, value: db.totalCount - db.idleCount },
      { labels: { state: 'idle' }, value: db.idleCount },
      { labels: { state: 'wanted' }, value: db.waitingCount },
    ],
  );
  if (sandbox === undefined) return;
  metrics.watch({ name: 'nango_sandbox_processes', help: 'Processes that scripts run in', labels: [] }, async () => [
    { labels: {}, value: sandbox.stats().children },
  ]);
  metrics.watch({ name: 'nango_sandbox_scripts', help: 'Scripts that run now', labels: [] }, async () => [
    { labels: {}, value: sandbox.stats().running },
  ]);
  metrics.watch(
    { name: 'nango_sandbox_resident_memory_bytes', help: 'Resident memory of those processes', labels: [] },
    async () => [{ labels: {}, value: sandbox.stats().residentBytes }],
  );
}

/** What all processes share; API processes tell it, each the same. */
export function watchEngine(
  metrics: Metrics,
  { db, taskQueues }: { db: Database; taskQueues: () => Promise<readonly TaskQueueState[]> },
): void {
  metrics.watch(
    { name: 'nango_open_runs', help: 'Runs that have not ended, by what they do now', labels: ['kind', 'state'] },
    async () => {
      const counts = new Map((await countOpenRuns(db)).map(({ kind, state, count }) => [`${kind} ${state}`, count]));
      return KINDS.flatMap((kind) =>
        STATES.map((state) => ({ labels: { kind, state }, value: counts.get(`${kind} ${state}`) ?? 0 })),
      );
    },
  );
  metrics.watch(
    {
      name: 'nango_due_syncs',
      help: 'Syncs whose schedule is new or changed and that Temporal has yet to hear of',
      labels: [],
    },
    async () => [{ labels: {}, value: await countDueSyncs(db) }],
  );
  const labels = ['queue', 'task'];
  const ofQueues = (value: (state: TaskQueueState) => number) => async (): Promise<readonly Reading[]> =>
    (await taskQueues()).map((state) => ({ labels: { queue: state.queue, task: state.kind }, value: value(state) }));
  metrics.watch(
    { name: 'nango_task_queue_backlog', help: 'Tasks that no worker has taken yet, as Temporal estimates', labels },
    ofQueues(({ backlog }) => backlog),
  );
  metrics.watch(
    { name: 'nango_task_queue_backlog_age_seconds', help: 'How long the oldest of them has waited', labels },
    ofQueues(({ backlogAgeSeconds }) => backlogAgeSeconds),
  );
}

const KINDS = ['sync', 'action', 'webhook'] as const;
const STATES = ['queued', 'running', 'waiting'] as const;
