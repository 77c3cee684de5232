/** The names under which the parts of the engine find each other in Temporal. */
import type { SyncAddress } from './ids.ts';

/** Task queues: actions must never wait behind syncs, nor either behind housekeeping. */
export const TASK_QUEUES = {
  actions: 'nango-actions',
  syncs: 'nango-syncs',
  background: 'nango-background',
  webhooks: 'nango-webhooks',
} as const;

/** One of the task queues, for one kind of task, as Temporal tells it. */
export type TaskQueueState = {
  readonly queue: string;
  readonly kind: 'workflow' | 'activity';
  /** How long ago a worker last asked for a task; null when none did for five minutes. One that waits asks every minute. */
  readonly polledAgoMs: number | null;
  /** Tasks that no worker has taken yet; Temporal's estimate. */
  readonly backlog: number;
  /** How long the oldest of them has waited. */
  readonly backlogAgeSeconds: number;
};

/** Search attributes of sync workflows, all of type Keyword; SQL visibility has few slots, so there are just three. */
export const SEARCH_ATTRIBUTES = {
  environment: 'NangoEnvironment',
  connection: 'NangoConnection',
  sync: 'NangoSync',
} as const;

/** The one workflow that makes schedules equal the syncs in Postgres; its schedule repeats it for what was missed. */
export const RECONCILE = { workflowId: 'reconcile', scheduleId: 'reconcile', everyMs: 60_000 } as const;

/** What an action that has succeeded gave, as JSON text; null for nothing. */
export type ActionGave = { readonly output: string | null };

/** How an action left a process: ended, with what it gave where its row need not be asked; or others go on with it. */
export type ActionLeft = ActionGave | 'ended' | 'goes on';

/** Tells the workflow of a run that what it waits for has come, or may have. */
export const RESUME_SIGNAL = 'resume';

/** Keeps the tokens of connections that nobody uses. */
export const REFRESH_IDLE = { workflowId: 'refresh-idle', scheduleId: 'refresh-idle', everyMs: 3_600_000 } as const;

/** What the Temporal Web UI tells of a sync's workflows, however they were started. */
export function syncStory(sync: SyncAddress) {
  const keyword = (name: string, value: string) => ({ key: { name, type: 'KEYWORD' as const }, value });
  return {
    staticSummary: `sync ${sync.integration}/${sync.sync} of ${sync.connection} (${sync.environment})`,
    // None of these names can hold a backtick: see the shapes that the API takes.
    staticDetails: [
      `- environment \`${sync.environment}\``,
      `- integration \`${sync.integration}\``,
      `- connection \`${sync.connection}\``,
      `- sync \`${sync.sync}\`${sync.variant === 'base' ? '' : `, variant \`${sync.variant}\``}`,
    ].join('\n'),
    typedSearchAttributes: [
      keyword(SEARCH_ATTRIBUTES.environment, sync.environment),
      keyword(SEARCH_ATTRIBUTES.connection, sync.connection),
      keyword(SEARCH_ATTRIBUTES.sync, sync.sync),
    ],
  };
}

/** A sync run whose row exists and whose workflow is to be started. */
export type AllocatedRun = {
  readonly runId: string;
  readonly syncId: string;
  readonly workflowId: string;
  readonly address: SyncAddress;
};
