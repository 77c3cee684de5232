import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { RECONCILE, SEARCH_ATTRIBUTES, TASK_QUEUES } from '../contract/engine.ts';
import { EngineError } from '../contract/failures.ts';

/** The part of a Temporal connection that registers search attributes. */
type Operator = {
  readonly operatorService: {
    readonly addSearchAttributes: (request: {
      namespace: string;
      searchAttributes: Record<string, number>;
    }) => Promise<unknown>;
    readonly listSearchAttributes: (request: { namespace: string }) => Promise<{
      customAttributes?: Record<string, unknown> | null;
    }>;
  };
};

/** `INDEXED_VALUE_TYPE_KEYWORD` of Temporal's API. */
const KEYWORD = 2;

/**
 * Registers the search attributes that are missing in the namespace.
 * @throws EngineError `configuration_invalid` saying what to run when the server does not let us.
 */
export async function registerSearchAttributes(connection: Operator, namespace: string): Promise<void> {
  const names = Object.values(SEARCH_ATTRIBUTES);
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = names.filter((name) => !(name in (customAttributes ?? {})));
    if (missing.length === 0) return;
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (cause) {
    if (cause instanceof Error && /already exists/i.test(cause.message)) return;
    const command = names.map((name) => `--name ${name} --type Keyword`).join(' ');
    throw new EngineError(
      'configuration_invalid',
      `Search attributes could not be registered in namespace '${namespace}' (${cause instanceof Error ? cause.message : cause}): have an administrator run: temporal operator search-attribute create ${command}`,
      { cause },
    );
  }
}

/** Makes the schedule that repairs, every minute, what went unnoticed: lost schedules, orphans, lost runs. */
export async function ensureReconcileSchedule(client: Client): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: RECONCILE.scheduleId,
      spec: { intervals: [{ every: RECONCILE.everyMs }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: RECONCILE.everyMs },
      action: {
        type: 'startWorkflow',
        workflowType: 'reconcileWorkflow',
        workflowId: RECONCILE.scheduleId,
        taskQueue: TASK_QUEUES.background,
        args: [{ thorough: true }],
      },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
