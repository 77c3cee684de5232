import { beforeAll, expect, test } from '@jest/globals';
import { fillEnvironment } from '../../bench/dashboard/rows.ts';
import { screensOf } from '../../bench/dashboard/screens.ts';
import { useApi } from '../support/api.ts';
import { createTracker, deployFlows, flow } from '../support/deployment.ts';

const api = useApi();
const ROWS = 20_000;
/** Of tables with `ROWS` rows: what a page, a day of runs, or one search needs, and by far not all. */
const READ_AT_MOST = 6_000;
/** Not `run_counts`: those of a day are a good part of them here, and then a plan that reads all is the right one. */
const LARGE = /^(runs|operations|webhook_deliveries|records_\d+)$/;
const names = { integration: 'many', connection: 'c1', model: 'Task', operation: 'operation-000000777' };

type Plan = {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
};
const plans: Plan[] = [];

beforeAll(async () => {
  await createTracker(api, names.integration, [names.connection]);
  await deployFlows(api, flow(names.integration, 'rows'));
  const { rows } = await api.db.query<{ id: string; database: string }>(
    `select id::text, current_database() as database from connections where connection_id = $1::text`,
    [names.connection],
  );
  const sizes = { connections: 2_000, records: ROWS, runs: ROWS, others: ROWS };
  await fillEnvironment(api.db, { connectionRow: rows[0]?.id ?? '', model: names.model, ...sizes });
  // Postgres itself tells the plan of every statement, as it was executed.
  for (const setting of SETTINGS) await api.db.query(`alter database ${rows[0]?.database} set ${setting}`);
  api.db.on('connect', (client) => client.on('notice', ({ message = '' }) => notePlan(message)));
  await api.db.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state = 'idle'`);
  api.db.on('error', () => undefined);
  const own = await api.db.connect();
  own.release(true);
}, 120_000);

const SETTINGS = [
  `session_preload_libraries = 'auto_explain'`,
  `auto_explain.log_min_duration = 0`,
  `auto_explain.log_analyze = on`,
  `auto_explain.log_format = 'json'`,
  `auto_explain.log_level = 'notice'`,
];

function notePlan(message: string): void {
  const from = message.indexOf('{');
  if (from >= 0) plans.push((JSON.parse(message.slice(from)) as { Plan: Plan }).Plan);
}

/** How many rows were looked at, by the large table they are in. */
function rowsRead(all: readonly Plan[]): Readonly<Record<string, number>> {
  const read: Record<string, number> = {};
  for (const plan of all) {
    const table = plan['Relation Name'] ?? '';
    const rows = ((plan['Actual Rows'] ?? 0) + (plan['Rows Removed by Filter'] ?? 0)) * (plan['Actual Loops'] ?? 1);
    if (LARGE.test(table)) read[table] = (read[table] ?? 0) + rows;
    for (const [name, more] of Object.entries(rowsRead(plan.Plans ?? []))) read[name] = (read[name] ?? 0) + more;
  }
  return read;
}

const SCREENS = screensOf({ ...names, run: 'run-000000777', delivery: 'delivery-000000777' });
/** Nothing tells records by their last action but a look at each. */
const LOOKS_AT_ALL = new Set(['records_deleted']);

test.each(Object.keys(SCREENS).filter((screen) => !LOOKS_AT_ALL.has(screen)))(
  'the screen %s reads a small part of the large tables',
  async (screen) => {
    // The rows are of the last days.
    api.setTime(new Date());
    plans.length = 0;
    for (const path of SCREENS[screen] ?? []) {
      const whose = { 'provider-config-key': names.integration, 'connection-id': names.connection };
      const answer = await api.call('GET', path, /^\/(dashboard\/)?records/.test(path) ? { headers: whose } : {});
      // A key opens no session of the dashboard, which is asked for by a cookie.
      expect([path, answer.status]).toEqual([path, 200]);
    }
    const large = Object.entries(rowsRead(plans)).filter(([, rows]) => rows > READ_AT_MOST);
    expect(large).toEqual([]);
  },
);

test('the plans are those of what was asked', async () => {
  plans.length = 0;
  await api.call('GET', '/runs?limit=100');
  expect(rowsRead(plans)['runs']).toBeGreaterThanOrEqual(100);
});
