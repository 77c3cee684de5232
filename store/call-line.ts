/**
 * Runs whose calls wait for the budget of an API take turns, whichever process they are in: none gets more than a few
 * ahead of the one that had the fewest. A run has a row while a call of it waits, and counts once it is due. The callers
 * of `/proxy` in one process are one among them.
 */
import type { LimitScope } from './api-limits.ts';
import type { Queryable } from './db.ts';

/** A run among those that share one budget: the runs of its connection, or those of the whole integration. */
export type InCallLine = {
  readonly runId: string;
  readonly connectionRow: string;
  readonly scope: LimitScope;
  /** It is no run but the callers of one process, who have no end that is stored. @default false */
  readonly isCallers?: boolean;
};

/** How many turns a run may have had more than another that waits for one: fewer cost a look into Postgres each. */
const MOST_AHEAD = 4;
/** Whoever is due and does not come within this time lets others pass: its process or its workflow may be lost. */
const PATIENCE_MS = 5_000;
const LOST_MS = 60_000;

/** SQL, of a row `l` of `call_line`: it waits for the same budget as run $1 with connection $2. */
const OTHERS: Readonly<Record<LimitScope, string>> = {
  connection: 'l.connection_id = $2::bigint and l.run_id <> $1::text',
  integration: `l.integration_id = (select integration_id from connections where id = $2::bigint)
    and l.run_id <> $1::text`,
};

/**
 * Puts the run in line, to come at `due`; one that stands there already keeps its turns. A new one has as many as the last.
 * One that has ended meanwhile is not let in.
 */
export async function joinCallLine(db: Queryable, of: InCallLine, due: Date, at: Date): Promise<void> {
  const { runId, connectionRow, scope, isCallers = false } = of;
  await db.query({
    name: `join-call-line-${scope}`,
    text: `with lost as (
        delete from call_line where connection_id = $2::bigint and run_id <> $1::text and due < $5::timestamptz
      )
      insert into call_line (run_id, connection_id, integration_id, turns, due)
      select $1::text, c.id, c.integration_id,
        coalesce((select min(l.turns) from call_line l where ${OTHERS[scope]} and l.due > $4::timestamptz), 0),
        $3::timestamptz
      from connections c where c.id = $2::bigint
        and ($6::boolean or exists (select from runs where id = $1::text and finished_at is null))
      on conflict (run_id, connection_id) do update set due = excluded.due`,
    values: [runId, connectionRow, due, earlier(at, PATIENCE_MS), earlier(at, LOST_MS), isCallers],
  });
}

/** Whether the run may make a call now, which is counted; a run that is not in line may. */
export async function takeTurn(db: Queryable, { runId, connectionRow, scope }: InCallLine, at: Date): Promise<boolean> {
  const result = await db.query<{ isTaken: boolean }>({
    name: `take-turn-${scope}`,
    text: `with behind as (
        select min(l.turns) as turns from call_line l
        where ${OTHERS[scope]} and l.due <= $3::timestamptz and l.due > $4::timestamptz
      ), me as (
        select m.turns, b.turns is null or m.turns < b.turns + ${MOST_AHEAD} as "isTaken"
        from call_line m, behind b where m.run_id = $1::text and m.connection_id = $2::bigint
      )
      update call_line m set turns = me.turns + me."isTaken"::int, due = $3::timestamptz
      from me where m.run_id = $1::text and m.connection_id = $2::bigint
      returning me."isTaken"`,
    values: [runId, connectionRow, at, earlier(at, PATIENCE_MS)],
  });
  return result.rows[0]?.isTaken ?? true;
}

/** Whether calls of the run stood in line when its process was lost, or it was suspended. */
export async function standsInCallLine(db: Queryable, { runId, connectionRow }: InCallLine): Promise<boolean> {
  const result = await db.query('select from call_line where run_id = $1::text and connection_id = $2::bigint', [
    runId,
    connectionRow,
  ]);
  return result.rowCount === 1;
}

/** No call of the run waits any more. */
export async function leaveCallLine(db: Queryable, { runId, connectionRow }: InCallLine): Promise<void> {
  await db.query({
    name: 'leave-call-line',
    text: 'delete from call_line where run_id = $1::text and connection_id = $2::bigint',
    values: [runId, connectionRow],
  });
}

function earlier(at: Date, byMs: number): Date {
  return new Date(at.getTime() - byMs);
}
