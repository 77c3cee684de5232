/** Runs as people look at them: their state, what they wait for, and what they did. */
import type { RunKind } from '../contract/script.ts';
import type { RecordCounts } from '../contract/host.ts';
import type { Control, RunState } from '../contract/sync.ts';
import type { Queryable } from './db.ts';
import type { Position } from './position.ts';
import type { StartedBy, StoredFailure } from './runs.ts';
import type { Replay } from './replays.ts';

export type RunView = {
  readonly id: string;
  readonly kind: RunKind;
  readonly name: string;
  readonly variant: string;
  readonly connectionId: string;
  readonly providerConfigKey: string;
  readonly startedBy: StartedBy;
  readonly state: RunState;
  readonly control: Control | null;
  readonly workflowId: string;
  readonly workflowRunId: string | null;
  readonly requests: number;
  readonly error: StoredFailure | null;
  /** When and why a waiting run waits; null for one that does not. */
  readonly resumeAt: Date | null;
  readonly waitReason: string | null;
  /** How often the script was started, and how often it had to begin again with an empty journal. */
  readonly attempts: number;
  readonly generation: number;
  readonly replays: readonly Replay[];
  /** How long the script has run so far, without its waits. */
  readonly runningMs: number;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
};

/** The columns of a RunView and where they come from; the caller adds its `where`. */
export const RUN_VIEW = `select r.id, r.kind, r.name, r.variant, c.connection_id as "connectionId",
    i.unique_key as "providerConfigKey", r.started_by as "startedBy", r.state, r.control, r.workflow_id as "workflowId",
    r.workflow_run_id as "workflowRunId", r.requests, r.error, r.resume_at as "resumeAt", r.wait_reason as "waitReason",
    r.fence as attempts, r.generation, r.replays, r.running_ms::float8 as "runningMs", r.created_at as "createdAt",
    r.started_at as "startedAt", r.finished_at as "finishedAt"
  from runs r
    join connections c on c.id = r.connection_id
    join integrations i on i.id = c.integration_id`;

export async function findRun(db: Queryable, environmentId: string, runId: string): Promise<RunView | undefined> {
  const result = await db.query<RunView>(`${RUN_VIEW} where r.id = $1::text and r.environment_id = $2::bigint`, [
    runId,
    environmentId,
  ]);
  return result.rows[0];
}

/** Runs of an environment, newest first, behind `before`; filters that are null do not apply. */
export async function listRuns(
  db: Queryable,
  filter: {
    environmentId: string;
    /** Rows, not names: the plan then begins with theirs. */
    integrationId: string | null;
    connectionRows: readonly string[] | null;
    name: string | null;
    states?: readonly RunState[] | null;
    before?: Position | null;
    limit: number;
  },
): Promise<RunView[]> {
  const result = await db.query<RunView>(
    `${RUN_VIEW}
     where r.environment_id = $1::bigint
       and ($2::bigint is null or c.integration_id = $2::bigint)
       and ($3::bigint[] is null or r.connection_id = any($3::bigint[]))
       and ($4::text is null or r.name = $4::text)
       and ($6::text[] is null or r.state = any($6::text[]))
       and ($7::timestamptz is null or (r.created_at, r.id) < ($7::timestamptz, $8::text))
     order by r.created_at desc, r.id desc
     limit $5::int`,
    [
      filter.environmentId,
      filter.integrationId,
      filter.connectionRows,
      filter.name,
      filter.limit,
      filter.states ?? null,
      filter.before?.at ?? null,
      filter.before?.id ?? null,
    ],
  );
  return result.rows;
}

/** The newest run of each of these syncs that did not end as skipped. */
export async function latestRuns(db: Queryable, syncIds: readonly string[]): Promise<(RunView & { syncId: string })[]> {
  const result = await db.query<RunView & { syncId: string }>(
    `select x.id as "syncId", v.*
     from unnest($1::bigint[]) as x (id)
       cross join lateral (
         ${RUN_VIEW} where r.sync_id = x.id and r.kind = 'sync' and r.state <> 'skipped' order by r.created_at desc, r.id desc limit 1
       ) v`,
    [syncIds],
  );
  return result.rows;
}

export async function countsOfRun(db: Queryable, runId: string): Promise<Record<string, RecordCounts>> {
  const result = await db.query<RecordCounts & { model: string }>(
    `select model, added, updated, deleted from run_counts where run_id = $1::text order by model`,
    [runId],
  );
  return Object.fromEntries(
    result.rows.map(({ model, added, updated, deleted }) => [model, { added, updated, deleted }]),
  );
}

/** How far a run has got; undefined for one that is gone. */
export async function progressOfRun(
  db: Queryable,
  runId: string,
): Promise<{ readonly requests: number; readonly counts: Readonly<Record<string, RecordCounts>> } | undefined> {
  const result = await db.query<{ requests: number }>(`select requests from runs where id = $1::text`, [runId]);
  const [row] = result.rows;
  return row && { requests: row.requests, counts: await countsOfRun(db, runId) };
}

/** What each of these runs did, by run and model; a run that saved nothing is absent. */
export async function countsOfRuns(
  db: Queryable,
  runIds: readonly string[],
): Promise<Map<string, Record<string, RecordCounts>>> {
  const result = await db.query<RecordCounts & { runId: string; model: string }>(
    `select run_id as "runId", model, added, updated, deleted from run_counts
     where run_id = any($1::text[])
     order by run_id, model`,
    [runIds],
  );
  const counts = new Map<string, Record<string, RecordCounts>>();
  for (const { runId, model, ...count } of result.rows) {
    const models = counts.get(runId) ?? {};
    counts.set(runId, { ...models, [model]: count });
  }
  return counts;
}
