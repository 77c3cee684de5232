import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import type { Activities } from '../../activities/index.ts';
import { EngineError } from '../../contract/failures.ts';
import type { ActionStep, SyncStep } from '../../contract/sync.ts';
import type { DeliveryStep } from '../../contract/webhook.ts';
import { until } from './until.ts';

export type HistoryCase = {
  readonly name: string;
  readonly workflow:
    | 'syncWorkflow'
    | 'actionWorkflow'
    | 'reconcileWorkflow'
    | 'deliverWebhookWorkflow'
    | 'refreshIdleWorkflow';
  readonly input: unknown;
  readonly activities: Partial<Activities>;
  /** After how many events Temporal suggests to continue as new. @default as many as it is made with, thousands */
  readonly longAfter?: number;
  /** What happens to the workflow while it runs. */
  readonly meanwhile?: (handle: WorkflowHandle) => Promise<unknown>;
};

const FINISHED: SyncStep = { status: 'finished', runId: 'r1', counts: { Task: { added: 2, updated: 1, deleted: 0 } } };
const FAILURE = {
  code: 'script_failed',
  message: 'no such field',
  location: { file: 'tasks.ts', line: 3, column: 9 },
} as const;

/** Each way through the workflows, once. A changed workflow gets new cases beside these, under new names. */
export const CASES: readonly HistoryCase[] = [
  sync('sync-finished', [FINISHED]),
  sync('sync-skipped', [{ status: 'skipped', reason: 'running' }]),
  sync('sync-handed-over', [{ status: 'handedOver', runId: 'r1' }, FINISHED]),
  sync('sync-waiting', [waiting(300), waiting(300), FINISHED]),
  sync('sync-failed', [{ status: 'failed', runId: 'r1', failure: FAILURE }]),
  sync('sync-fault-retried', [new EngineError('store_unavailable', 'no Postgres'), FINISHED]),
  sync('sync-fault-final', [new EngineError('journal_damaged', 'an entry is missing')]),
  {
    ...sync('sync-cancelled-in-script', []),
    activities: { runScript: untilCancelled },
    meanwhile: cancelAfter('activityTaskStartedEventAttributes'),
  },
  { ...sync('sync-cancelled-in-wait', [waiting(60_000)]), meanwhile: cancelAfter('timerStartedEventAttributes') },
  { ...sync('sync-paused', [paused, FINISHED]), meanwhile: resumeAfter('activityTaskCompletedEventAttributes') },
  { ...sync('sync-woken', [waiting(60_000), FINISHED]), meanwhile: resumeAfter('timerStartedEventAttributes') },
  { ...sync('sync-cancelled-in-pause', [paused]), meanwhile: cancelAfter('activityTaskCompletedEventAttributes') },
  action('action-finished', [{ status: 'finished' }]),
  action('action-failed', [{ status: 'failed', failure: FAILURE }]),
  action('action-handed-over', [{ status: 'handedOver', taskQueue: 'action-handed-over' }, { status: 'finished' }]),
  action('action-waiting', [waiting(300), { status: 'finished' }]),
  reconcile('reconcile-thorough', true),
  reconcile('reconcile-with-webhooks', true),
  webhook('webhook-delivered', [again(300), { status: 'delivered' }]),
  reconcile('reconcile-sweeping', true),
  reconcile('reconcile-sweeping-records', true),
  reconcile('reconcile-sweeping-logs', true),
  { ...sync('sync-continued-as-new', [...Array(4).fill(waiting(300)), FINISHED]), longAfter: 20 },
  {
    ...reconcile('reconcile-continued-as-new', true),
    longAfter: 20,
    meanwhile: after('activityTaskCompletedEventAttributes', (handle) => handle.signal('reconcile')),
  },
  { ...reconcile('reconcile-signalled', false), meanwhile: (handle) => handle.signal('reconcile') },
  refreshIdle('refresh-idle-two-pages'),
];

function sync(name: string, steps: readonly Step<SyncStep>[]): HistoryCase {
  const next = inTurn(steps);
  const activities = { runScript: async () => next(), settleRun: async () => undefined };
  return { name, workflow: 'syncWorkflow', input: { syncId: '1' }, activities };
}

function action(name: string, steps: readonly Step<ActionStep>[]): HistoryCase {
  const next = inTurn(steps);
  const activities = { runAction: async () => next(), continueAction: async () => next() };
  return { name, workflow: 'actionWorkflow', input: { runId: 'r1' }, activities };
}

function reconcile(name: string, thorough: boolean): HistoryCase {
  const pages = inTurn<string | null>(['200', ...Array(15).fill(null)]);
  const page = async () => ({ nextAfterId: pages() });
  const activities = {
    reconcileSyncs: async () => ({ nextAfterId: pages(), left: 0 }),
    removeSchedules: async () => undefined,
    startQueuedRuns: page,
    settleLostRuns: page,
    startWebhooks: async () => undefined,
    sweepJournals: page,
    sweepRecords: page,
    sweepLogs: page,
  };
  return { name, workflow: 'reconcileWorkflow', input: { thorough }, activities };
}

function refreshIdle(name: string): HistoryCase {
  const pages = inTurn<string | null>(['100', null]);
  const activities = { refreshIdle: async () => ({ nextAfterId: pages() }) };
  return { name, workflow: 'refreshIdleWorkflow', input: {}, activities };
}

function webhook(name: string, steps: readonly Step<DeliveryStep>[]): HistoryCase {
  const next = inTurn(steps);
  const activities = { deliverWebhook: async () => next() };
  return { name, workflow: 'deliverWebhookWorkflow', input: { deliveryId: 'd1' }, activities };
}

function again(ms: number): () => DeliveryStep {
  return () => ({ status: 'again', at: new Date(Date.now() + ms).toISOString() });
}

/** What an activity answers, or throws; a function makes it at that moment. */
type Step<T> = T | EngineError | (() => T);

function inTurn<T>(steps: readonly Step<T>[]): () => T {
  const left = [...steps];
  return () => {
    const step = left.shift();
    if (step === undefined) throw new EngineError('journal_damaged', 'The case has no further step');
    if (step instanceof EngineError) throw step;
    return step instanceof Function ? step() : step;
  };
}

/** Its resume time is taken when the step is: cases are recorded one after the other. */
function waiting(ms: number): () => { status: 'waiting'; runId: string; resumeAt: string; reason: string } {
  return () => ({
    status: 'waiting',
    runId: 'r1',
    resumeAt: new Date(Date.now() + ms).toISOString(),
    reason: 'rate limit',
  });
}

function paused(): SyncStep {
  return { status: 'waiting', runId: 'r1', resumeAt: null, reason: 'paused' };
}

async function untilCancelled(): Promise<SyncStep> {
  const { cancelled, heartbeat } = Context.current();
  const ticker = setInterval(() => heartbeat(), 200);
  await cancelled.catch(() => clearInterval(ticker));
  return { status: 'cancelled', runId: 'r1' };
}

type HistoryEvent =
  | 'activityTaskStartedEventAttributes'
  | 'activityTaskCompletedEventAttributes'
  | 'timerStartedEventAttributes';

function cancelAfter(event: HistoryEvent) {
  return after(event, (handle) => handle.cancel());
}

function resumeAfter(event: HistoryEvent) {
  return after(event, (handle) => handle.signal('resume'));
}

function after(event: HistoryEvent, act: (handle: WorkflowHandle) => Promise<unknown>) {
  return async (handle: WorkflowHandle): Promise<unknown> => {
    await until(event, async () => {
      // An activity's start is written with its end: that it is pending says as much.
      const [{ events }, { raw }] = await Promise.all([handle.fetchHistory(), handle.describe()]);
      const isPending = event === 'activityTaskStartedEventAttributes' && (raw.pendingActivities?.length ?? 0) > 0;
      return isPending || events?.some((one) => one[event]);
    });
    return act(handle);
  };
}
