/**
 * How many sync runs of a connection, an integration and an environment are at work at once. Who holds a place is read
 * from the runs themselves, those that are `running`: no counter can leak a place when a process dies.
 */
import type { Queryable } from './db.ts';

export type Scope = 'connection' | 'integration' | 'environment';
/** The most runs at work at once in each scope. */
export type RoomLimits = Readonly<Record<Scope, number>>;
export type NoRoom = { readonly scope: Scope; readonly most: number; readonly since: Date };

/** SQL, of a row of `runs`: its script has not begun, be it queued or in line for a place. */
export const NOT_BEGUN = `started_at is null
  and (state = 'queued' or (state = 'waiting' and awaits_room is not null))`;

const SCOPES: readonly Scope[] = ['connection', 'integration', 'environment'];
/** Whoever stands in line and does not come when it is due lets others pass: its workflow may be lost. */
const PATIENCE_MS = 30_000;

/**
 * Whether a run may begin: undefined, or where there is no room. Places are given in order of arrival. The transaction
 * keeps other runs of the environment from looking until it has ended, so it begins the run or puts it in line itself.
 */
export async function findRoom(
  db: Queryable,
  run: { runId: string; at: Date },
  limits: RoomLimits,
): Promise<NoRoom | undefined> {
  await lockLine(db, run.runId);
  const result = await db.query<Record<Scope, number> & { isAtWork: boolean; since: Date }>({
    name: 'find-room',
    text: `with me as (
        select r.id, r.state, r.environment_id, r.connection_id, c.integration_id,
          case when r.awaits_room is null then $2::timestamptz else r.waiting_since end as since
        from runs r join connections c on c.id = r.connection_id
        where r.id = $1::text
      ), others as (
        select r.awaits_room, r.state, r.connection_id, c.integration_id
        from me
          join runs r on r.environment_id = me.environment_id and r.id <> me.id and r.kind = 'sync'
          join connections c on c.id = r.connection_id
        where r.state = 'running'
          or (r.state = 'waiting' and r.awaits_room is not null and r.control is null
              and (r.waiting_since, r.id) < (me.since, me.id) and r.resume_at > $3::timestamptz)
      )
      select me.state = 'running' as "isAtWork", me.since,
        (select count(*)::int from others o where o.connection_id = me.connection_id
          and (o.state = 'running' or o.awaits_room = 'connection')) as connection,
        (select count(*)::int from others o where o.integration_id = me.integration_id
          and (o.state = 'running' or o.awaits_room = 'integration')) as integration,
        (select count(*)::int from others o where o.state = 'running' or o.awaits_room = 'environment') as environment
      from me`,
    values: [run.runId, run.at, new Date(run.at.getTime() - PATIENCE_MS)],
  });
  const [found] = result.rows;
  // A run that is at work already has its place; one that is gone needs none.
  if (found === undefined || found.isAtWork) return undefined;
  const scope = SCOPES.find((one) => found[one] >= limits[one]);
  return scope && { scope, most: limits[scope], since: found.since };
}

async function lockLine(db: Queryable, runId: string): Promise<void> {
  await db.query({
    name: 'lock-line',
    text: `select pg_advisory_xact_lock(hashtextextended('nango-temporal room ' || environment_id, 0))
           from runs where id = $1::text`,
    values: [runId],
  });
}

/** Puts a run that has not begun, or that waited, in line. False when it was cancelled meanwhile. */
export async function standInLine(
  db: Queryable,
  run: { runId: string; workflowRunId: string; room: NoRoom; resumeAt: Date; reason: string },
): Promise<boolean> {
  const result = await db.query(
    `update runs
     set state = 'waiting', awaits_room = $3::text, waiting_since = $4::timestamptz, resume_at = $5::timestamptz,
       wait_reason = $6::text, workflow_run_id = $2::text
     where id = $1::text and state in ('queued', 'waiting') and control is distinct from 'cancel'`,
    [run.runId, run.workflowRunId, run.room.scope, run.room.since, run.resumeAt, run.reason],
  );
  return result.rowCount === 1;
}

/** Gives the place of a run at work to those in line, and puts it behind them. */
export async function giveWay(
  db: Queryable,
  run: { runId: string; fence: number; scope: Scope; at: Date; resumeAt: Date; reason: string },
): Promise<boolean> {
  const result = await db.query(
    `update runs
     set state = 'waiting', awaits_room = $3::text, waiting_since = $4::timestamptz, resume_at = $5::timestamptz,
       wait_reason = $6::text, idle_starts = 0
     where id = $1::text and fence = $2::int and state = 'running' and control is null`,
    [run.runId, run.fence, run.scope, run.at, run.resumeAt, run.reason],
  );
  return result.rowCount === 1;
}

export type InLine = { readonly scope: Scope; readonly workflowId: string };

/** Who is first in line for the place of this run, in each scope. */
export async function firstInLine(db: Queryable, runId: string): Promise<InLine[]> {
  const result = await db.query<InLine>({
    name: 'first-in-line',
    text: `select distinct on (r.awaits_room) r.awaits_room as scope, r.workflow_id as "workflowId"
      from runs me
        join connections mine on mine.id = me.connection_id
        join runs r on r.environment_id = me.environment_id and r.id <> me.id
          and r.state = 'waiting' and r.awaits_room is not null and r.control is null
        join connections c on c.id = r.connection_id
      where me.id = $1::text
        and case r.awaits_room
              when 'connection' then r.connection_id = me.connection_id
              when 'integration' then c.integration_id = mine.integration_id
              else true
            end
      order by r.awaits_room, r.waiting_since, r.id`,
    values: [runId],
  });
  return result.rows;
}
