/** Webhooks to the application: each delivery a row, written with its exact body before anything is sent. */
import { v7 as newId } from 'uuid';
import { onlyRow, type Queryable } from './db.ts';

export type DeliveryState = 'pending' | 'delivered' | 'refused' | 'expired';

export type NewDelivery = {
  readonly environmentId: string;
  /** Null for a webhook that is passed on and belongs to no connection. */
  readonly connectionRow: string | null;
  readonly runId: string | null;
  /** What it is about within its run; a second delivery of one run, subject and URL is not written. */
  readonly subject: string;
  readonly type: string;
  readonly url: string;
  readonly body: string;
  readonly sequence: string;
  readonly at: Date;
};

/** The next number of a connection's webhooks. Its row stays locked, so that numbers are in order of commit. */
export async function nextSequence(db: Queryable, connectionRow: string): Promise<string> {
  const result = await db.query<{ last: string }>(
    `insert into webhook_sequences as s (connection_id, last) values ($1::bigint, 1)
     on conflict (connection_id) do update set last = s.last + 1
     returning last::text`,
    [connectionRow],
  );
  return onlyRow(result, 'A webhook sequence').last;
}

/** Writes a delivery; undefined when its run has one for this subject and URL already. */
export async function addDelivery(db: Queryable, delivery: NewDelivery): Promise<string | undefined> {
  const id = newId({ msecs: delivery.at.getTime() });
  const result = await db.query(
    `insert into webhook_deliveries (id, environment_id, connection_id, run_id, subject, type, url, body, sequence,
       state, attempts, created_at, next_attempt_at)
     values ($1::text, $2::bigint, $3::bigint, $4::text, $5::text, $6::text, $7::text, $8::text, $9::bigint,
       'pending', 0, $10::timestamptz, $10::timestamptz)
     on conflict (run_id, subject, url) where replay_of is null do nothing`,
    [
      id,
      delivery.environmentId,
      delivery.connectionRow,
      delivery.runId,
      delivery.subject,
      delivery.type,
      delivery.url,
      delivery.body,
      delivery.sequence,
      delivery.at,
    ],
  );
  return result.rowCount === 1 ? id : undefined;
}

export type PendingDelivery = {
  readonly environmentId: string;
  readonly url: string;
  readonly body: string;
  readonly attempts: number;
  readonly createdAt: Date;
  /**
   * Whether an earlier one for the same connection and URL has not been tried at all, or the scripts for the new
   * connection that it tells of have not ended.
   */
  readonly isBehind: boolean;
};

/** A delivery that is still to be made. */
export async function pendingDelivery(db: Queryable, id: string): Promise<PendingDelivery | undefined> {
  const result = await db.query<PendingDelivery>(
    `select d.environment_id::text as "environmentId", d.url, d.body, d.attempts, d.created_at as "createdAt",
       exists (select from webhook_deliveries e
               where e.connection_id = d.connection_id and e.url = d.url and e.state = 'pending' and e.attempts = 0
                 and e.sequence < d.sequence)
         or (d.type = 'auth' and d.subject = 'creation' and exists (
               select from runs r
               where r.connection_id = d.connection_id and r.started_by = 'event'
                 and r.state in ('queued', 'running', 'waiting'))) as "isBehind"
     from webhook_deliveries d
     where d.id = $1::text and d.state = 'pending'`,
    [id],
  );
  return result.rows[0];
}

/** How one attempt went, as it is kept with its delivery. */
export type Try = {
  /** ISO time of its end. */
  readonly at: string;
  readonly status: number | null;
  readonly error: string | null;
  /** ISO time of the attempt that follows; null for the last one. */
  readonly next_at: string | null;
  readonly took_ms: number;
};

/** Notes how an attempt went; with `nextAttemptAt` null the delivery has ended in `state`. */
export async function noteAttempt(
  db: Queryable,
  attempt: {
    id: string;
    state: DeliveryState;
    status: number | null;
    error: string | null;
    at: Date;
    nextAttemptAt: Date | null;
    tookMs: number;
  },
): Promise<void> {
  const { status, error, at, nextAttemptAt, tookMs } = attempt;
  const next_at = nextAttemptAt?.toISOString() ?? null;
  const made: Try = { at: at.toISOString(), status, error, next_at, took_ms: tookMs };
  await db.query(
    `update webhook_deliveries
     set attempts = attempts + 1, state = $2::text, last_status = $3::int, last_error = $4::text,
       next_attempt_at = $6::timestamptz, ended_at = case when $2::text = 'pending' then null else $5::timestamptz end,
       tries = tries || $7::jsonb
     where id = $1::text and state = 'pending'`,
    [attempt.id, attempt.state, status, error, at, nextAttemptAt, JSON.stringify([made])],
  );
}

/** The attempts of a delivery, in their order; undefined for none of that environment. */
export async function triesOfDelivery(
  db: Queryable,
  environmentId: string,
  id: string,
): Promise<{ readonly url: string; readonly tries: readonly Try[] } | undefined> {
  const result = await db.query<{ url: string; tries: Try[] }>(
    `select url, tries from webhook_deliveries where id = $1::text and environment_id = $2::bigint`,
    [id, environmentId],
  );
  return result.rows[0];
}

/** Deliveries whose attempt is overdue: the process that was to start their workflow died. */
export async function overdueDeliveries(db: Queryable, before: Date, limit: number): Promise<string[]> {
  const result = await db.query<{ id: string }>(
    `select id from webhook_deliveries
     where state = 'pending' and next_attempt_at < $1::timestamptz
     order by next_attempt_at
     limit $2::int`,
    [before, limit],
  );
  return result.rows.map(({ id }) => id);
}

export type DeliveryView = {
  readonly id: string;
  readonly type: string;
  readonly connectionId: string | null;
  readonly providerConfigKey: string | null;
  readonly runId: string | null;
  readonly url: string;
  readonly sequence: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly replayOf: string | null;
  readonly createdAt: Date;
  readonly nextAttemptAt: Date | null;
  readonly endedAt: Date | null;
};

const VIEW = `select d.id, d.type, c.connection_id as "connectionId", i.unique_key as "providerConfigKey",
    d.run_id as "runId", d.url, d.sequence::text, d.state, d.attempts, d.last_status as "lastStatus",
    d.last_error as "lastError", d.replay_of as "replayOf", d.created_at as "createdAt",
    d.next_attempt_at as "nextAttemptAt", d.ended_at as "endedAt"
  from webhook_deliveries d
    left join connections c on c.id = d.connection_id
    left join integrations i on i.id = c.integration_id`;

/** Deliveries of an environment, newest first, those before the id `beforeId` where it is given. */
export async function listDeliveries(
  db: Queryable,
  filter: { environmentId: string; state: DeliveryState | null; beforeId: string | null; limit: number },
): Promise<DeliveryView[]> {
  const result = await db.query<DeliveryView>(
    `${VIEW}
     where d.environment_id = $1::bigint
       and ($2::text is null or d.state = $2::text)
       and ($3::text is null or d.id < $3::text)
     order by d.id desc
     limit $4::int`,
    [filter.environmentId, filter.state, filter.beforeId, filter.limit],
  );
  return result.rows;
}

export async function findDelivery(
  db: Queryable,
  environmentId: string,
  id: string,
): Promise<(DeliveryView & { readonly body: string }) | undefined> {
  const result = await db.query<DeliveryView & { body: string }>(
    `select v.*, d.body from (${VIEW} where d.environment_id = $1::bigint and d.id = $2::text) v
     join webhook_deliveries d on d.id = v.id`,
    [environmentId, id],
  );
  return result.rows[0];
}

/** The same body to the same URL once more, as a delivery of its own. */
export async function addReplay(db: Queryable, id: string, at: Date): Promise<string> {
  const replay = newId({ msecs: at.getTime() });
  await db.query(
    `insert into webhook_deliveries (id, environment_id, connection_id, run_id, subject, type, url, body, sequence,
       state, attempts, replay_of, created_at, next_attempt_at)
     select $2::text, environment_id, connection_id, run_id, subject, type, url, body, sequence, 'pending', 0, id,
       $3::timestamptz, $3::timestamptz
     from webhook_deliveries where id = $1::text`,
    [id, replay, at],
  );
  return replay;
}
