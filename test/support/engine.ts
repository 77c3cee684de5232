import type { Engine } from '../../api/engine.ts';
import { TASK_QUEUES, type TaskQueueState } from '../../contract/engine.ts';

/** Task queues with a worker at each and nothing waiting. */
export const ALL_POLLED: readonly TaskQueueState[] = Object.values(TASK_QUEUES).flatMap((queue) =>
  (['workflow', 'activity'] as const).map((kind) => ({
    queue,
    kind,
    polledAgoMs: 1_000,
    backlog: 0,
    backlogAgeSeconds: 0,
  })),
);

export type RecordingEngine = Engine & {
  /** What was asked, in order, as `[method, argument]`. */
  readonly calls: readonly (readonly [string, unknown])[];
  /** Replaces how one method answers until the next test. */
  readonly answer: (methods: Partial<Engine>) => void;
  readonly reset: () => void;
};

/** An Engine that knows no Temporal: it notes what it is asked and answers as told. */
export function createRecordingEngine(): RecordingEngine {
  const calls: (readonly [string, unknown])[] = [];
  let told: Partial<Engine> = {};
  const note = (method: string, argument: unknown) => calls.push([method, argument]);
  return {
    calls,
    answer: (methods) => {
      told = { ...told, ...methods };
    },
    reset: () => {
      calls.length = 0;
      told = {};
    },
    reconcile: async () => {
      note('reconcile', undefined);
      await told.reconcile?.();
    },
    startSync: async (run) => {
      note('startSync', run);
      await told.startSync?.(run);
    },
    runAction: async (run) => {
      note('runAction', run);
      return told.runAction?.(run);
    },
    startAction: async (run) => {
      note('startAction', run);
      await told.startAction?.(run);
    },
    startDelivery: async (deliveryId) => {
      note('startDelivery', deliveryId);
      await told.startDelivery?.(deliveryId);
    },
    resume: async (workflowId) => {
      note('resume', workflowId);
      await told.resume?.(workflowId);
    },
    cancel: async (workflowId) => {
      note('cancel', workflowId);
      await told.cancel?.(workflowId);
    },
    nextRunAt: async (scheduleId) => told.nextRunAt?.(scheduleId) ?? null,
    taskQueues: async () => told.taskQueues?.() ?? ALL_POLLED,
    linkTo: ({ workflowId }) => `http://temporal.test/${encodeURIComponent(workflowId)}`,
  };
}
