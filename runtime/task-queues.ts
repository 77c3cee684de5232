import type { Client } from '@temporalio/client';
import { TASK_QUEUES, type TaskQueueState } from '../contract/engine.ts';

/** `TaskQueueType` of Temporal's API. */
const KINDS = { workflow: 1, activity: 2 } as const;

/**
 * What Temporal says of each of the engine's queues, for workflows and for activities apart (`DescribeTaskQueue`). The
 * server remembers who polled for five minutes, also of processes that are gone.
 */
export async function taskQueueStates(client: Client, namespace: string, clock: () => Date): Promise<TaskQueueState[]> {
  const asked = Object.values(TASK_QUEUES).flatMap((queue) =>
    (['workflow', 'activity'] as const).map((kind) =>
      stateOf(client, namespace, { queue, kind, now: clock().getTime() }),
    ),
  );
  return Promise.all(asked);
}

async function stateOf(
  client: Client,
  namespace: string,
  { queue, kind, now }: Pick<TaskQueueState, 'queue' | 'kind'> & { readonly now: number },
): Promise<TaskQueueState> {
  const { pollers, stats } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: queue },
    taskQueueType: KINDS[kind],
    reportStats: true,
  });
  const polls = pollers.flatMap(({ lastAccessTime }) => (lastAccessTime ? [secondsOf(lastAccessTime) * 1_000] : []));
  return {
    queue,
    kind,
    polledAgoMs: polls.length === 0 ? null : Math.max(0, now - Math.max(...polls)),
    backlog: Number(stats?.approximateBacklogCount ?? 0),
    backlogAgeSeconds: stats?.approximateBacklogAge ? secondsOf(stats.approximateBacklogAge) : 0,
  };
}

/** Of a timestamp or a duration; the SDK's 64-bit numbers turn into ours by `Number`. */
function secondsOf(time: { readonly seconds?: unknown; readonly nanos?: number | null }): number {
  return Number(time.seconds ?? 0) + (time.nanos ?? 0) / 1e9;
}
