/** How long journals are kept that no run needs to go on: for `nango replay`, and no longer. */
import type { RunState } from '../contract/sync.ts';
import { onlyRow, type Queryable } from './db.ts';
import { runIdsBefore } from './allocation.ts';

export type JournalRetention = {
  /** Runs whose journal outlives them: those that failed or were cancelled, all, or none. */
  readonly keep: 'failed' | 'all' | 'none';
  readonly days: number;
};

const DAY_MS = 86_400_000;

/** Until when the journal of a run that has ended is kept; null where it is not kept at all. */
export function keptUntil(
  run: { readonly state: RunState; readonly finishedAt: Date },
  { keep, days }: JournalRetention,
): Date | null {
  if (keep === 'none' || (keep === 'failed' && run.state === 'success')) return null;
  return new Date(run.finishedAt.getTime() + days * DAY_MS);
}

/** What began to wait before this time is cut to its checkpoint. */
export function waitsTooLongSince({ days }: JournalRetention, now: Date): Date {
  return new Date(now.getTime() - days * DAY_MS);
}

export type JournaledRun = {
  readonly runId: string;
  readonly state: RunState;
  readonly finishedAt: Date | null;
  readonly waitingSince: Date | null;
};

/**
 * Runs that have a journal and may have had it for too long, a page after `afterId`. The journal's own keys lead from
 * run to run, so the runs without one, which are most, cost nothing.
 */
export async function journaledRuns(
  db: Queryable,
  page: { afterId: string; limit: number },
  retention: JournalRetention,
  now: Date,
): Promise<JournaledRun[]> {
  // Whoever has ended or waited for that long was allocated before.
  const below = runIdsBefore(retention.keep === 'none' ? now : waitsTooLongSince(retention, now));
  const result = await db.query<JournaledRun>(
    `with recursive journaled (id) as (
       select least(
         (select min(run_id) from journal_chunks where run_id > $1::text and run_id < $2::text),
         (select min(run_id) from journal_calls where run_id > $1::text and run_id < $2::text))
       union all
       select least(
         (select min(c.run_id) from journal_chunks c where c.run_id > j.id and c.run_id < $2::text),
         (select min(c.run_id) from journal_calls c where c.run_id > j.id and c.run_id < $2::text))
       from journaled j
       where j.id is not null
     )
     select r.id as "runId", r.state, r.finished_at as "finishedAt", r.waiting_since as "waitingSince"
     from (select id from journaled where id is not null limit $3::int) as page
       join runs r on r.id = page.id
     order by r.id`,
    [page.afterId, below, page.limit],
  );
  return result.rows;
}

/** A run that has been waiting since before `before`, locked until the transaction ends; undefined when it goes on. */
export async function lockLongWaiting(
  db: Queryable,
  wait: { runId: string; before: Date },
): Promise<
  { readonly runId: string; readonly generation: number; readonly fence: number; readonly since: Date } | undefined
> {
  const result = await db.query<{ runId: string; generation: number; fence: number; since: Date }>(
    `select id as "runId", generation, fence, waiting_since as since from runs
     where id = $1::text and state = 'waiting' and waiting_since < $2::timestamptz
     for update`,
    [wait.runId, wait.before],
  );
  return result.rows[0];
}

/** What all journals take: runs that have one, bytes of their entries, and bytes on disk with what deletes left there. */
export async function journalFootprint(
  db: Queryable,
): Promise<{ readonly runs: number; readonly bytes: number; readonly diskBytes: number }> {
  const result = await db.query<{ runs: number; bytes: number; diskBytes: number }>(
    `select count(distinct run_id)::int as runs, coalesce(sum(octet_length(data)), 0)::float8 as bytes,
       (pg_total_relation_size('journal_chunks') + pg_total_relation_size('journal_calls'))::float8 as "diskBytes"
     from journal_chunks`,
  );
  return onlyRow(result, 'journalFootprint');
}
