/** Scripts that were run again from their journal because what ran them was gone. */
import type { Queryable } from './db.ts';

/** When, and whether its worker or its process was gone. */
export type Replay = { readonly at: string; readonly why: 'worker' | 'process' };

/** A run that is replayed without end tells nothing new after so many. */
const REPLAYS_KEPT = 100;

/** SQL for the replays of a run `r` and one more; `why` and `at` are SQL too, of constants and parameters. */
export function withReplay(why: string, at: string): string {
  return `case when jsonb_array_length(r.replays) < ${REPLAYS_KEPT}
    then r.replays || jsonb_build_object('at', ${at}::timestamptz, 'why', ${why}) else r.replays end`;
}

/** Notes that the process of a run's script has died, and that the script is run again in another one. */
export async function noteProcessDied(db: Queryable, run: { runId: string; fence: number; at: Date }): Promise<void> {
  await db.query(
    `update runs r set replays = ${withReplay(`'process'`, '$3')} where id = $1::text and fence = $2::int`,
    [run.runId, run.fence, run.at],
  );
}
