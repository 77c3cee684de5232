import { type CompiledWorkerOptions, Worker } from '@temporalio/worker';

type Rest = [bundle: never, options: CompiledWorkerOptions, logger: never];

/**
 * A worker whose workflows run without the SDK's watchdog. Each call into a workflow would start a thread that counts its
 * seconds (Node's `vm` with `timeout`), ten for an action; it guards against endless loops in workflow code, which here is
 * never an author's.
 */
export class OwnWorker extends Worker {
  protected static override createWorkflowCreator(...[bundle, options, logger]: Rest) {
    const withoutWatchdog: object = { isolateExecutionTimeoutMs: undefined };
    return Worker.createWorkflowCreator(bundle, { ...options, ...withoutWatchdog }, logger);
  }
}
