import { call } from '../../platform/example.ts';
import type { Closing } from '../../runtime/closing.ts';
import { openDatabase } from '../../store/db.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { fillEnvironment } from '../dashboard/rows.ts';
import { screensOf } from '../dashboard/screens.ts';
import { median } from '../load.ts';
import { connect, connectionHeaders, deploy, INTEGRATION, MODEL, openStage, runSync, type Stage } from '../stage.ts';

const SOURCE = `export default async function fetchData(nango) { await nango.log('nothing to do'); }`;
const CONNECTION = 'big';
const CONNECTIONS = 10_000;
const RECORDS = 1_000_000;
const RUNS = 100_000;
const OTHERS = 100_000;
const ROUNDS = 9;
const ALLOWED_MS = 300;

/**
 * Every request that a screen of the dashboard makes, among 10,000 connections and 1,000,000 records: the time until
 * all of its answers are there, the worst of nine times after one that warms up.
 */
export async function benchDashboard(closing: Closing, options: BenchOptions): Promise<Figures> {
  const stage = await openStage(closing, options.profile);
  await connect(stage, CONNECTION);
  await deploy(stage, { name: 'rows', type: 'sync', source: SOURCE });
  const { run } = await runSync(stage, { name: 'rows', connection: CONNECTION, withinS: 60 });
  await fill(closing, stage);
  options.say(
    `${CONNECTIONS} connections, ${RECORDS} records, ${RUNS} runs, ${OTHERS} deliveries and as many operations\n`,
  );
  const names = { integration: INTEGRATION, connection: CONNECTION, model: MODEL, run: run.id };
  const screens = screensOf({ ...names, operation: 'operation-000000777', delivery: 'delivery-000000777' });
  const figures: Record<string, number> = {};
  for (const [screen, paths] of Object.entries(screens)) {
    const times = await timesOf(stage, paths);
    figures[`${screen}_ms`] = Math.max(...times);
    options.say(
      `${screen.padEnd(30)} median ${median(times).toFixed(0)} ms, worst ${Math.max(...times).toFixed(0)} ms`,
    );
  }
  const slow = Object.values(figures).filter((ms) => ms >= ALLOWED_MS).length;
  return { screens_at_or_over_300_ms: slow, slowest_ms: Math.max(...Object.values(figures)), ...figures };
}

async function fill(closing: Closing, { parts }: Stage): Promise<void> {
  const db = openDatabase(parts.databaseUrl, { max: 1, onLost: () => undefined });
  closing.add('the database', () => db.end());
  const found = await db.query<{ id: string }>(`select id::text from connections where connection_id = $1::text`, [
    CONNECTION,
  ]);
  const sizes = { connections: CONNECTIONS, records: RECORDS, runs: RUNS, others: OTHERS };
  await fillEnvironment(db, { connectionRow: found.rows[0]?.id ?? '', model: MODEL, ...sizes });
}

async function timesOf(stage: Stage, paths: readonly string[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const begun = performance.now();
    await Promise.all(paths.map((path) => ask(stage, path)));
    // The first round warms up.
    if (round > 0) times.push(performance.now() - begun);
  }
  return times;
}

async function ask(stage: Stage, path: string): Promise<void> {
  // The header Connection-Id would narrow what is not a list of records.
  if (!/^\/(dashboard\/)?records/.test(path)) return void (await call(stage.caller, 'GET', path));
  const response = await fetch(stage.caller.apiUrl + path, { headers: connectionHeaders(stage, CONNECTION) });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  await response.arrayBuffer();
}
