import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { RECONCILE, REFRESH_IDLE, SEARCH_ATTRIBUTES, TASK_QUEUES } from '../contract/engine.ts';
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

/**
 * Makes the two schedules of the engine's own: every minute, what repairs what went unnoticed (lost schedules, orphans,
 * lost runs); every hour, what keeps the tokens of idle connections.
 */
export async function ensureOwnSchedules(client: Client): Promise<void> {
  await ensureSchedule(client, { ...RECONCILE, workflowType: 'reconcileWorkflow', args: [{ thorough: true }] });
  await ensureSchedule(client, { ...REFRESH_IDLE, workflowType: 'refreshIdleWorkflow', args: [] });
}

async function ensureSchedule(
  client: Client,
  own: {
    readonly scheduleId: string;
    readonly everyMs: number;
    readonly workflowType: string;
    readonly args: unknown[];
  },
): Promise<void> {
  const { scheduleId, everyMs, workflowType, args } = own;
  try {
    await client.schedule.create({
      scheduleId,
      spec: { intervals: [{ every: everyMs }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: everyMs },
      action: {
        type: 'startWorkflow',
        workflowType,
        workflowId: scheduleId,
        taskQueue: TASK_QUEUES.background,
        args,
      },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
