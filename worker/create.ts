/**
 * Composition of the worker: activities registered, four task queues polled. It decides how much runs at once and how
 * a worker goes away; what is run is decided by workflows/ and activities/.
 */
import type { NativeConnection, WorkerOptions, WorkflowBundleOption } from '@temporalio/worker';
import { createActivities, type Dependencies, failureInterceptor } from '../activities/index.ts';
import { TASK_QUEUES } from '../contract/engine.ts';
import type { Traces } from '../runtime/tracing.ts';
import { traceActivities, traceSinks } from './tracing.ts';
import { OwnWorker } from './own-worker.ts';

export type WorkerRoles = { readonly actions: boolean; readonly syncs: boolean };

export type RunningWorkers = {
  /** Ends when the workers have stopped; rejects when one of them fails for good. */
  readonly done: Promise<void>;
  /** Takes no new work, lets what runs hand over within the grace time, and resolves when all have stopped. */
  readonly stop: () => Promise<void>;
};

/** Script runs hear of it at once: they let calls that must not be repeated finish, keep what they have, hand over. */
const SHUTDOWN_GRACE = '0 seconds';
const SHUTDOWN_FORCE = '20 seconds';
/**
 * The SDK would send one in 80 % of the time-out only: a process busy for two seconds would be taken for dead. Each costs
 * the server about what a request of a script costs here, so they do not come oftener than half of it asks for.
 */
const HEARTBEAT_AT_LEAST = '5 seconds';

/** Starts the workers of the given roles; housekeeping goes with syncs. */
export async function startWorkers(options: {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly workflowBundle: WorkflowBundleOption;
  readonly deps: Dependencies;
  readonly roles: WorkerRoles;
  /** Sync runs at work at once in this process. */
  readonly syncSlots: number;
  readonly tracing: Traces;
}): Promise<RunningWorkers> {
  const { connection, namespace, workflowBundle, deps, roles, syncSlots, tracing } = options;
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace,
    workflowBundle,
    activities: createActivities(deps),
    interceptors: {
      activity: [...(tracing.isOn ? [traceActivities(tracing)] : []), () => ({ inbound: failureInterceptor() })],
    },
    ...(tracing.isOn && { sinks: traceSinks(tracing) }),
    shutdownGraceTime: SHUTDOWN_GRACE,
    shutdownForceTime: SHUTDOWN_FORCE,
    maxHeartbeatThrottleInterval: HEARTBEAT_AT_LEAST,
    workflowThreadPoolSize: 1,
    reuseV8Context: true,
  };
  const wanted: WorkerOptions[] = [];
  if (roles.actions)
    wanted.push({ ...common, ...ACTIONS }, { ...activitiesOnly(common), taskQueue: deps.processQueue });
  if (roles.syncs)
    wanted.push(
      { ...common, ...SYNCS, maxConcurrentActivityTaskExecutions: syncSlots },
      { ...common, ...BACKGROUND },
      { ...common, ...WEBHOOKS },
    );
  const workers = await Promise.all(wanted.map((settings) => OwnWorker.create(settings)));
  const done = Promise.all(workers.map((worker) => worker.run())).then(() => undefined);
  // Whoever awaits `done` or `stop` sees the failure; without this line it would end the process before they can.
  done.catch(() => undefined);
  return {
    done,
    stop: async () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await done;
    },
  };
}

/** Runs of scripts that these workers take at once. */
export function runsAtOnce(roles: WorkerRoles, syncSlots: number): number {
  return (roles.actions ? ACTIONS_AT_ONCE : 0) + (roles.syncs ? syncSlots : 0);
}

function activitiesOnly({
  workflowBundle: _,
  ...rest
}: Omit<WorkerOptions, 'taskQueue'>): Omit<WorkerOptions, 'taskQueue'> {
  return { ...rest, maxConcurrentActivityTaskPolls: 1 };
}

const ACTIONS_AT_ONCE = 200;
const ACTIONS = {
  taskQueue: TASK_QUEUES.actions,
  maxCachedWorkflows: 100,
  maxConcurrentLocalActivityExecutions: ACTIONS_AT_ONCE,
  maxConcurrentActivityTaskExecutions: ACTIONS_AT_ONCE,
  maxConcurrentWorkflowTaskExecutions: 100,
} as const;

// A run that waits for hours is replayed when it wakes; keeping thousands of them in memory would not be free.
const SYNCS = {
  taskQueue: TASK_QUEUES.syncs,
  maxCachedWorkflows: 50,
} as const;

// Apart from housekeeping: receivers may take twenty seconds to answer.
const WEBHOOKS = {
  taskQueue: TASK_QUEUES.webhooks,
  maxCachedWorkflows: 50,
  maxConcurrentActivityTaskExecutions: 50,
} as const;

const BACKGROUND = {
  taskQueue: TASK_QUEUES.background,
  maxCachedWorkflows: 10,
  maxConcurrentActivityTaskExecutions: 20,
} as const;
