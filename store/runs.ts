/** Runs: one row for each execution of a sync or an action, from its allocation to its end. */
import type { RunKind } from '../contract/script.ts';
import { EngineError, type FailureCode, type FailureDetails } from '../contract/failures.ts';
import type { Control, RunState } from '../contract/sync.ts';
import { CONNECTION_OF_RUN, type Connection, type ConnectionColumn, connectionIn } from './connections.ts';
import type { Queryable } from './db.ts';
import type { ValidationMode } from './scripts.ts';
import { withReplay } from './replays.ts';

/** `event`: something happened to the connection; `webhook`: its API told us of something. */
export type StartedBy = 'schedule' | 'creation' | 'api' | 'event' | 'webhook';

export type StoredFailure = { readonly code: FailureCode; readonly message: string } & FailureDetails;

export type NewRun = {
  readonly id: string;
  readonly environmentId: string;
  readonly connectionRow: string;
  readonly scriptId: string;
  readonly syncId: string | null;
  readonly kind: RunKind;
  readonly name: string;
  readonly variant: string;
  readonly startedBy: StartedBy;
  readonly bundleHash: string;
  readonly workflowId: string;
  readonly workflowRunId: string | null;
  readonly sealedSeed: string;
  readonly input: string | null;
  /** How often it begins again by itself when it has failed. */
  readonly retries?: number;
  /** Nobody waits for its answer. */
  readonly detached?: boolean;
  /** The number of the webhook it handles. */
  readonly webhookId?: string;
  /** The run whose script started it, or started the one that did, and so on. */
  readonly rootRun?: string;
  readonly at: Date;
};

/** Allocates a run in state `queued`. False when this workflow execution already has one. */
export async function addRun(db: Queryable, run: NewRun): Promise<boolean> {
  const result = await db.query({
    name: 'add-run',
    text: `insert into runs (id, environment_id, connection_id, script_id, sync_id, kind, name, variant, started_by, state,
             bundle_hash, workflow_id, workflow_run_id, fence, flushed, seed, requests, input, created_at, retries, detached, webhook_id, root_run)
           values ($1::text, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::text, $7::text, $8::text, $9::text, 'queued',
             $10::text, $11::text, $12::text, 0, 0, $13::text, 0, $14::text, $15::timestamptz, $16::int, $17::boolean, $18::bigint, $19::text)
           on conflict on constraint runs_workflow do nothing`,
    values: [
      run.id,
      run.environmentId,
      run.connectionRow,
      run.scriptId,
      run.syncId,
      run.kind,
      run.name,
      run.variant,
      run.startedBy,
      run.bundleHash,
      run.workflowId,
      run.workflowRunId,
      run.sealedSeed,
      run.input,
      run.at,
      run.retries ?? 0,
      run.detached ?? false,
      run.webhookId ?? null,
      run.rootRun ?? null,
    ],
  });
  return result.rowCount === 1;
}

/** The run a workflow execution belongs to. */
export async function runOfWorkflow(
  db: Queryable,
  workflow: { workflowId: string; workflowRunId: string },
): Promise<string | undefined> {
  const result = await db.query<{ id: string }>(
    `select id from runs where workflow_id = $1::text and workflow_run_id = $2::text`,
    [workflow.workflowId, workflow.workflowRunId],
  );
  return result.rows[0]?.id;
}

/** What an attempt needs to run the script. */
export type Attempt = {
  readonly runId: string;
  readonly fence: number;
  /** Starts of the script since the run last got on, this one among them. */
  readonly idleStarts: number;
  readonly control: Control | null;
  readonly kind: RunKind;
  readonly name: string;
  readonly variant: string;
  readonly startedBy: StartedBy;
  readonly environment: string;
  readonly connectionRow: string;
  /** As it was when the attempt began. */
  readonly connection: Connection;
  readonly scriptId: string | null;
  readonly syncId: string | null;
  readonly models: readonly string[] | null;
  readonly trackDeletes: boolean;
  /** The share of its records that a comparison may delete without a confirmation. */
  readonly deletionGuard: number;
  readonly validation: ValidationMode;
  readonly bundleHash: string;
  readonly sealedSeed: string;
  readonly lastSyncDate: Date | null;
  readonly input: string | null;
  /** How often it may still begin again when it fails. */
  readonly retries: number;
  /** Nobody waits for its answer. */
  readonly detached: boolean;
  readonly startedAt: Date;
  /** When the script began its present generation: what its clock shows first, each time it runs again. */
  readonly beginsAt: Date;
  /** What the sync saved before is removed before the script begins. */
  readonly emptyCache: boolean;
  /** Flushes, journal chunks and journal bytes that earlier attempts left. */
  readonly flushed: number;
  readonly generation: number;
  readonly chunks: number;
  readonly journalBytes: number;
  /** Bytes of its log so far. */
  readonly logBytes: number;
  /** How long the script has run in earlier attempts. */
  readonly runningMs: number;
  /** The run at the head of the scripts that called each other, this one if no script started it. */
  readonly rootRun: string;
};

/**
 * Begins an attempt: raises the fence, which shuts out every earlier attempt of the run, and returns what it needs.
 * Undefined when the run has ended already, its connection is gone, or an attempt that was scheduled after this one
 * (`taskAt`, Temporal's clock) has begun.
 */
export async function beginAttempt(
  db: Queryable,
  start: { runId: string; workflowRunId: string; at: Date; taskAt?: Date },
): Promise<Attempt | undefined> {
  const result = await db.query<Omit<Attempt, 'connection'> & { connection: ConnectionColumn }>({
    name: 'begin-attempt',
    text: `update runs r
           set fence = r.fence + 1,
               idle_starts = r.idle_starts + 1,
               state = 'running',
               resume_at = null,
               wait_reason = null,
               awaits_room = null,
               workflow_run_id = $2::text,
               started_at = coalesce(r.started_at, $3::timestamptz),
               task_at = coalesce($4::timestamptz, r.task_at),
               replays = case when r.state = 'running' then ${withReplay(`'worker'`, '$3')} else r.replays end
           from environments e
           where r.id = $1::text
             and r.state in ('queued', 'running', 'waiting')
             and ($4::timestamptz is null or r.task_at is null or r.task_at <= $4::timestamptz)
             and e.id = r.environment_id
           returning r.id as "runId", r.fence, r.idle_starts as "idleStarts", r.control, r.kind, r.name, r.variant,
             r.started_by as "startedBy", e.name as environment,
             r.connection_id::text as "connectionRow", r.script_id::text as "scriptId", r.sync_id::text as "syncId",
             (select s.models from scripts s where s.id = r.script_id) as models,
             coalesce((select s.track_deletes from scripts s where s.id = r.script_id), false) as "trackDeletes",
             coalesce((select s.validation from scripts s where s.id = r.script_id), 'off') as validation,
             coalesce((select s.deletion_guard from scripts s where s.id = r.script_id), 0.5) as "deletionGuard",
             r.bundle_hash as "bundleHash", r.seed as "sealedSeed", r.last_sync_date as "lastSyncDate", r.input, r.retries, r.detached,
             r.started_at as "startedAt", r.empty_cache as "emptyCache",
             coalesce(r.generation_at, r.started_at) as "beginsAt", r.flushed, r.generation, r.journal_bytes::float8 as "journalBytes", r.running_ms::float8 as "runningMs",
             r.log_bytes::float8 as "logBytes", coalesce(r.root_run, r.id) as "rootRun",
             (select count(*)::int from journal_chunks j where j.run_id = r.id and j.generation = r.generation) as chunks,
             ${CONNECTION_OF_RUN} as connection`,
    values: [start.runId, start.workflowRunId, start.at, start.taskAt ?? null],
  });
  const begun = result.rows[0];
  return begun && { ...begun, connection: connectionIn(begun.connection) };
}

export type RunEnd = {
  readonly runId: string;
  /** Ends only the attempt that still holds this fence; null ends the run whoever runs it. */
  readonly fence: number | null;
  readonly state: Extract<RunState, 'success' | 'failed' | 'cancelled' | 'skipped'>;
  readonly failure: StoredFailure | null;
  readonly output: string | null;
  /** What its script asked for, as `sealCalls` made it; absent where nobody knows. */
  readonly calls?: string | null;
  readonly at: Date;
};

/** Ends a run. False when another attempt has taken it over or it had ended. */
export async function endRun(db: Queryable, end: RunEnd): Promise<boolean> {
  const result = await db.query({
    name: 'end-run',
    text: `update runs
           set state = $3::text, error = $4::jsonb, output = $5::text, finished_at = $6::timestamptz,
               calls = $7::text, resume_at = null, wait_reason = null
           where id = $1::text
             and ($2::int is null or fence = $2::int)
             and state in ('queued', 'running', 'waiting')`,
    values: [
      end.runId,
      end.fence,
      end.state,
      end.failure === null ? null : JSON.stringify(end.failure),
      end.output,
      end.at,
      end.calls ?? null,
    ],
  });
  return result.rowCount === 1;
}

/** `done`: it was committed before, though its commit seemed to fail; `lost`: the attempt has lost its place. */
export type CountedFlush = { readonly status: 'counted' | 'done' | 'lost'; readonly control: Control | null };

/** Counts a flush of an attempt, first thing in its transaction, keeps its answers, and reads what is asked of the run. */
export async function countFlush(
  db: Queryable,
  flush: {
    readonly runId: string;
    readonly fence: number;
    readonly number: number;
    readonly requests: number;
    readonly logBytes?: number;
    /** For how long the script has run since the flush before. */
    readonly runningMs: number;
    /** A chunk of the journal. @default none */
    readonly chunk?: { readonly generation: number; readonly chunk: number; readonly data: Uint8Array } | undefined;
  },
): Promise<CountedFlush> {
  const { chunk } = flush;
  const counted = await db.query<{ control: Control | null }>({
    name: 'count-flush',
    text: `with counted as (
             update runs
             set flushed = $3::int, requests = requests + $4::int, running_ms = running_ms + $5::bigint,
                 log_bytes = log_bytes + $6::bigint,
                 journal_bytes = journal_bytes + coalesce(length($9::bytea), 0),
                 idle_starts = case when $9::bytea is null then idle_starts else 0 end
             where id = $1::text and fence = $2::int and flushed = $3::int - 1 and state = 'running'
             returning control
           ), kept as (
             insert into journal_chunks (run_id, generation, chunk, data)
             select $1::text, $7::int, $8::int, $9::bytea from counted where $9::bytea is not null
           )
           select control from counted`,
    values: [
      ...[flush.runId, flush.fence, flush.number, flush.requests, flush.runningMs, flush.logBytes ?? 0],
      ...[chunk?.generation, chunk?.chunk, chunk?.data],
    ],
  });
  const [row] = counted.rows;
  if (row !== undefined) return { status: 'counted', control: row.control };
  const found = await db.query(`select from runs where id = $1::text and fence = $2::int and flushed = $3::int`, [
    flush.runId,
    flush.fence,
    flush.number,
  ]);
  return { status: found.rowCount === 1 ? 'done' : 'lost', control: null };
}

/**
 * Makes a run wait, without a time as long as it is asked to pause; the same transaction has kept all it did so far.
 * False when it is to go on at once: to be cancelled, or because it was started again meanwhile.
 */
export async function suspendRun(
  db: Queryable,
  wait: { runId: string; fence: number; at: Date; resumeAt: Date | null; reason: string },
): Promise<boolean> {
  const result = await db.query(
    `update runs
     set state = 'waiting', awaits_room = null, waiting_since = $5::timestamptz, resume_at = $3::timestamptz, wait_reason = $4::text, idle_starts = 0
     where id = $1::text and fence = $2::int and state = 'running'
       and case when $3::timestamptz is null then control = 'pause' else control is distinct from 'cancel' end`,
    [wait.runId, wait.fence, wait.resumeAt, wait.reason, wait.at],
  );
  return result.rowCount === 1;
}

/** Lets a run begin again from its checkpoint: a new generation with an empty journal, clock and random numbers. */
export async function newGeneration(
  db: Queryable,
  run: { runId: string; fence: number; sealedSeed: string; at: Date },
): Promise<void> {
  await db.query(
    `with begun as (
       update runs
       set generation = generation + 1, generation_at = $4::timestamptz, journal_bytes = 0, seed = $3::text
       where id = $1::text and fence = $2::int
       returning id, generation
     ), chunks as (
       delete from journal_chunks c using begun b where c.run_id = b.id and c.generation < b.generation
     )
     delete from journal_calls c using begun b where c.run_id = b.id and c.generation < b.generation`,
    [run.runId, run.fence, run.sealedSeed, run.at],
  );
}

/** Takes one of the retries a failed run has left; the same transaction begins a new generation and lets it wait. */
export async function takeRetry(db: Queryable, run: { runId: string; fence: number }): Promise<void> {
  await db.query(`update runs set retries = retries - 1 where id = $1::text and fence = $2::int`, [
    run.runId,
    run.fence,
  ]);
}

/**
 * Counts how often the run has begun again from the same point (a digest of it); from another one it counts anew.
 * Undefined when this generation of the run is over, or its attempt.
 */
export async function countDivergence(
  db: Queryable,
  run: { runId: string; fence: number; generation: number; from: string },
): Promise<number | undefined> {
  const result = await db.query<{ divergences: number }>(
    `update runs
     set divergences = case when diverged_from = $3::text then divergences + 1 else 1 end, diverged_from = $3::text
     where id = $1::text and fence = $2::int and generation = $4::int
     returning divergences`,
    [run.runId, run.fence, run.from, run.generation],
  );
  return result.rows[0]?.divergences;
}

/** The attempt as it stands after a pass of the script: its journal has grown, or was begun anew. */
export async function refreshAttempt(db: Queryable, run: Attempt): Promise<Attempt> {
  type Fresh = Pick<
    Attempt,
    'flushed' | 'generation' | 'chunks' | 'journalBytes' | 'runningMs' | 'sealedSeed' | 'beginsAt'
  >;
  const result = await db.query<Fresh>(
    `select flushed, generation, coalesce(generation_at, started_at) as "beginsAt", seed as "sealedSeed", journal_bytes::float8 as "journalBytes", running_ms::float8 as "runningMs",
       (select count(*)::int from journal_chunks j where j.run_id = r.id and j.generation = r.generation) as chunks
     from runs r where id = $1::text and fence = $2::int`,
    [run.runId, run.fence],
  );
  const fresh = result.rows[0];
  if (fresh === undefined) throw new EngineError('lease_lost', 'Another attempt of this run has taken over');
  return { ...run, ...fresh };
}
