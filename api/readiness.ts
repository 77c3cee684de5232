/** Whether the engine can do its work: each part with one line that says so, or what is wrong and what to do. */
import { TASK_QUEUES, type TaskQueueState } from '../contract/engine.ts';
import { missingMigrations } from '../store/migrate.ts';
import type { ApiDeps } from './deps.ts';

export const PARTS = ['store', 'migrations', 'engine', 'workers'] as const;
export type Part = (typeof PARTS)[number];

const WELL = 'ok';
const ANSWER_WITHIN_MS = 3_000;
/** A worker that waits for tasks asks again every minute; some more for a clock that differs from Temporal's. */
const POLLED_WITHIN_MS = 90_000;

type Readiness = (wanted: readonly Part[]) => Promise<Readonly<Record<string, string>>>;

/**
 * Answers one line for each of the `wanted` parts; `'ok'` for those that are well. Takes three seconds at most. However many
 * ask, and nobody needs a key for it, Temporal is asked once in `limits.readyForMs`.
 */
export function createReadiness(deps: ApiDeps): Readiness {
  let asked: { readonly at: number; readonly queues: Queues } | undefined;
  const taskQueues = (): Queues => {
    const now = performance.now();
    if (asked === undefined || now - asked.at >= deps.limits.readyForMs) {
      asked = { at: now, queues: deps.engine.taskQueues() };
    }
    return asked.queues;
  };
  return (wanted) => readinessOf(deps, wanted, taskQueues);
}

async function readinessOf(deps: ApiDeps, wanted: readonly Part[], taskQueues: () => Queues): ReturnType<Readiness> {
  const queues = wanted.includes('engine') || wanted.includes('workers') ? taskQueues() : NOT_ASKED;
  const lines = await Promise.all(
    wanted.map(async (part) => {
      const line = await within(ANSWER_WITHIN_MS, CHECKS[part](deps.db, queues)).catch(() => OUT_OF_REACH[part]);
      return [part, line] as const;
    }),
  );
  return Object.fromEntries(lines);
}

export function isReady(lines: Readonly<Record<string, string>>): boolean {
  return Object.values(lines).every((line) => line === WELL);
}

type Queues = Promise<readonly TaskQueueState[]>;
const NOT_ASKED: Queues = Promise.resolve([]);

const CHECKS: Readonly<Record<Part, (db: ApiDeps['db'], queues: Queues) => Promise<string>>> = {
  store: async (db) => {
    await db.query('select 1');
    return WELL;
  },
  migrations: async (db) => {
    const missing = await missingMigrations(db);
    if (missing.length === 0) return WELL;
    return `${missing.join(', ')} not applied: run 'npm run migrate' of this release`;
  },
  engine: async (_db, queues) => {
    await queues;
    return WELL;
  },
  workers: async (_db, queues) => lineOfWorkers(await queues),
};

const OUT_OF_REACH: Readonly<Record<Part, string>> = {
  store: 'out of reach: start the Postgres that DATABASE_URL names',
  migrations: 'unknown while Postgres is out of reach',
  engine: 'out of reach: start the Temporal that TEMPORAL_ADDRESS names',
  workers: 'unknown while Temporal is out of reach',
};

/**
 * Those who ask for workflow tasks count: a worker that is busy with as many scripts as it may run asks for no more
 * activities, and is well.
 */
function lineOfWorkers(states: readonly TaskQueueState[]): string {
  const served = states.filter(
    ({ kind, polledAgoMs }) => kind === 'workflow' && polledAgoMs !== null && polledAgoMs <= POLLED_WITHIN_MS,
  );
  const missing = Object.values(TASK_QUEUES).filter((name) => !served.some(({ queue }) => queue === name));
  if (missing.length === 0) return WELL;
  const roles = [...new Set(missing.map((queue) => (queue === TASK_QUEUES.actions ? 'actions' : 'syncs')))];
  return `none asks for work of ${missing.join(', ')}: start 'npm run worker' with NANGO_WORKER_ROLES=${roles.join(',')}`;
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`No answer within ${ms} ms`)), ms);
  return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer));
}
