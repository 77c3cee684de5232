/** What is told of a run that has ended, and what an action has answered. */
import type { RunKind } from '../contract/script.ts';
import type { StoredFailure } from './runs.ts';
import { onlyRow, type Queryable } from './db.ts';
import type { RecordCounts } from '../contract/host.ts';
import type { RunState } from '../contract/sync.ts';

export type EndedRun = {
  readonly runId: string;
  readonly environmentId: string;
  readonly connectionRow: string;
  readonly connectionId: string;
  readonly providerConfigKey: string;
  readonly kind: RunKind;
  readonly detached: boolean;
  readonly name: string;
  readonly variant: string;
  readonly state: RunState;
  readonly models: readonly string[];
  readonly isIncremental: boolean;
  readonly error: StoredFailure | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date;
  readonly counts: Readonly<Record<string, RecordCounts>>;
  /** For each model, how many deletions the run held back. */
  readonly held: Readonly<Record<string, number>>;
  /** Runs of its sync that have failed in a row by now; null when they do not make it run less often. */
  readonly failuresInARow: number | null;
};

/** A run that has ended, as its webhooks tell of it. */
export async function endedRun(db: Queryable, runId: string): Promise<EndedRun | undefined> {
  const result = await db.query<EndedRun>(
    `select r.id as "runId", r.environment_id::text as "environmentId", r.connection_id::text as "connectionRow",
       c.connection_id as "connectionId", i.unique_key as "providerConfigKey", r.kind, r.detached, r.name, r.variant,
       r.state, coalesce(s.models, '{}') as models,
       s.sync_type = 'incremental' and r.last_sync_date is not null as "isIncremental",
       r.error, r.started_at as "startedAt", r.finished_at as "finishedAt",
       coalesce((select json_object_agg(k.model, json_build_object('added', k.added, 'updated', k.updated, 'deleted', k.deleted)
                                        order by k.model)
                 from run_counts k where k.run_id = r.id), '{}') as counts,
       coalesce((select json_object_agg(h.model, d.stale order by h.model)
                 from run_deletions d join record_heads h on h.id = d.head_id
                 where d.run_id = r.id and d.held), '{}') as held,
       (select y.failures from syncs y where y.id = r.sync_id and r.kind = 'sync' and y.backs_off_until is not null) as "failuresInARow"
     from runs r
       join connections c on c.id = r.connection_id
       join integrations i on i.id = c.integration_id
       left join scripts s on s.id = r.script_id
     where r.id = $1::text and r.finished_at is not null`,
    [runId],
  );
  return result.rows[0];
}

/** Runs of environments with a webhook URL that ended in this span and have no delivery, oldest first. */
export async function untoldRuns(db: Queryable, span: { from: Date; to: Date; limit: number }): Promise<string[]> {
  const result = await db.query<{ id: string }>(
    `select r.id
     from webhook_settings w
       join runs r on r.environment_id = w.environment_id
     where (w.primary_url is not null or w.secondary_url is not null)
       and r.finished_at >= greatest($1::timestamptz, w.updated_at) and r.finished_at < $2::timestamptz
       and (r.kind <> 'action' or r.detached) and r.state in ('success', 'failed')
       and not exists (select from webhook_deliveries d where d.run_id = r.id)
     order by r.finished_at
     limit $3::int`,
    [span.from, span.to, span.limit],
  );
  return result.rows.map(({ id }) => id);
}

/** The state of an action run, with what it answered once it has ended. */
export async function actionResult(
  db: Queryable,
  runId: string,
): Promise<{ readonly state: RunState; readonly output: string | null; readonly error: StoredFailure | null }> {
  const result = await db.query<{ state: RunState; output: string | null; error: StoredFailure | null }>({
    name: 'action-result',
    text: `select state, output, error from runs where id = $1::text`,
    values: [runId],
  });
  return onlyRow(result, `Run '${runId}'`);
}
