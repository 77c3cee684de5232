import type { RunKind } from '../contract/script.ts';
import type { RunState } from '../contract/sync.ts';
import type { Queryable } from './db.ts';

/** How many runs have not ended, by what they do now. */
export async function countOpenRuns(
  db: Queryable,
): Promise<{ readonly kind: RunKind; readonly state: RunState; readonly count: number }[]> {
  const result = await db.query<{ kind: RunKind; state: RunState; count: number }>(
    `select kind, state, count(*)::int as count
     from runs
     where state in ('queued', 'running', 'waiting')
     group by kind, state`,
  );
  return result.rows;
}
