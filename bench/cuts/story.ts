/** A sync that saves, saves again, deletes and posts, while its connections to Postgres are cut at random moments. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../../store/db.ts';

const PAGES = 24;
const ROWS = 20;

/** The sync; what it leaves behind does not depend on where a flush falls. */
export const CUT_SOURCE = `
export default async function fetchData(nango: any) {
  for (let page = 0; page < ${PAGES}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, retries: 2 });
    await nango.batchSave(data.rows, 'Task');
    await nango.batchSave(data.rows.slice(0, 5).map((row: any) => ({ ...row, again: true })), 'Task');
    await nango.batchDelete(data.rows.slice(0, 2), 'Task');
    await nango.log('page ' + page);
    // Asking for the connection stores what there is: each page is a transaction.
    await nango.getConnection();
    if (page % 8 === 1) await nango.post({ endpoint: '/posts/' + page, data: { page } });
    if (page % 5 === 4) await nango.saveCheckpoint({ page });
  }
}`;

/** What a run of the sync must have counted and left, cut or not. */
export const WHOLE = {
  counts: { added: PAGES * ROWS, updated: PAGES * 5, deleted: PAGES * 2 },
  live: PAGES * (ROWS - 2),
  logs: Array.from({ length: PAGES }, (_, page) => `page ${page}`),
  posts: ['/posts/1', '/posts/9', '/posts/17'],
};

/** The upstream's answer. */
export function answerOf(url: string): object {
  const page = url.split('/').at(-1);
  return { rows: Array.from({ length: ROWS }, (_, row) => ({ id: `${page}-${row}`, title: `Row ${row}` })) };
}

/**
 * Cuts connections to the database while `work` runs: at moments that `seed` names in turns of the event loop, one
 * connection or all, so that statements, commits and idle connections are hit alike. Answers how many were cut.
 */
export async function cutWhile<T>(
  killer: Database,
  seed: number,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cut: number }> {
  const draw = drawing(seed);
  const cuts = 5 + draw(15);
  let [cut, isOver] = [0, false];
  const cutting = async (): Promise<void> => {
    while (cut < cuts && !isOver) {
      for (let turns = draw(500); turns > 0 && !isOver; turns -= 1) await turn();
      const most = draw(3) === 0 ? 100 : 1;
      const { rowCount } = await killer.query(
        `select pg_terminate_backend(pid) from (
           select pid from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and application_name = 'nango-temporal'
           order by state <> 'active', random() limit $1::int) as chosen`,
        [most],
      );
      cut += rowCount ?? 0;
    }
  };
  const [result] = await Promise.all([
    work().finally(() => {
      isOver = true;
    }),
    cutting(),
  ]);
  return { result, cut };
}

/** Whole numbers below a bound, the same for the same seed. */
function drawing(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export type Left = {
  readonly state: string;
  readonly counts: { readonly added: number; readonly updated: number; readonly deleted: number };
  readonly live: number;
  readonly counted: number;
  readonly logs: readonly string[];
};

/** What the run and its connection have in the database. */
export async function leftOf(db: Database, runId: string): Promise<Left> {
  const { rows } = await db.query<Left>(
    `select r.state,
       (select json_build_object('added', added, 'updated', updated, 'deleted', deleted)
        from run_counts where run_id = r.id) as counts,
       (select count(*)::int from records x join record_heads h on h.id = x.head_id
        where h.connection_id = r.connection_id and x.deleted_at is null) as live,
       (select sum(live)::int from record_heads where connection_id = r.connection_id) as counted,
       (select json_agg(message order by seq) from run_logs where run_id = r.id) as logs
     from runs r where r.id = $1::text`,
    [runId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`Run '${runId}' is not there`);
  return row;
}
