/** What the REST API asks of Temporal. The rows are written first; Temporal is then told, or told later by reconcile. */

import type { ActionGave, AllocatedRun, TaskQueueState } from '../contract/engine.ts';

export type Engine = {
  /** Makes Temporal's schedules equal the syncs in Postgres and starts allocated runs; resolves when that is done. */
  readonly reconcile: () => Promise<void>;
  /** Starts the workflow of an allocated sync run; starting it twice starts it once. */
  readonly startSync: (run: AllocatedRun) => Promise<void>;
  /**
   * Runs the workflow of an allocated action run, or joins it, and resolves when the run has ended, however it did: with what
   * it gave, where that is known without asking its row.
   */
  readonly runAction: (run: { readonly runId: string; readonly workflowId: string }) => Promise<ActionGave | undefined>;
  /** Starts the same workflow and does not wait for it; starting it twice starts it once. */
  readonly startAction: (run: { readonly runId: string; readonly workflowId: string }) => Promise<void>;
  /** Starts the workflow of a webhook's delivery; starting it twice starts it once. */
  readonly startDelivery: (deliveryId: string) => Promise<void>;
  /** Tells the workflow of a waiting run to look again whether it can go on. */
  readonly resume: (workflowId: string) => Promise<void>;
  /** Asks the workflow of a run to stop. */
  readonly cancel: (workflowId: string) => Promise<void>;
  /** When the schedule starts its next run; null when it is paused or unknown. Throws when Temporal is out of reach. */
  readonly nextRunAt: (scheduleId: string) => Promise<Date | null>;
  /** How each task queue does. Throws when Temporal is out of reach. */
  readonly taskQueues: () => Promise<readonly TaskQueueState[]>;
  /** The page of a workflow in the Temporal Web UI, when one is known. */
  readonly linkTo: (workflow: { workflowId: string; workflowRunId: string | null }) => string | null;
};
