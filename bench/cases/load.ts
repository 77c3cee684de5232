/**
 * Many connections whose syncs are due again and again, on the topology of production with one API and one worker. Ten
 * thousand connections every five minutes are 33 runs a second; two cores take fewer, so that both numbers are options
 * and the factor is a figure. Once with a hundredth of the connections, due as much more often as a schedule allows, once
 * with all: what grows between the two grows with the number of connections.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { call } from '../../platform/example.ts';
import type { Closing } from '../../runtime/closing.ts';
import { deployScripts } from '../../test/support/deploy-scripts.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { chaosProviders, connect, PROVIDERS } from '../chaos/theatre.ts';
import { startChaosUpstream } from '../chaos/upstream.ts';
import { type Cluster, openCluster } from '../cluster/cluster.ts';
import { eachOf } from '../each-of.ts';
import { summary } from '../load.ts';
import { measureTree, total } from '../memory.ts';

const INTEGRATION = 'load';
const SHORTEST_S = 30;
const AT_ONCE = 8;
const GOAL_PER_S = 10_000 / 300;
const SAMPLE = 20;

const SOURCE = `
export default async function fetchData(nango: any) {
  const { data } = await nango.get({ endpoint: '/pages/' + nango.connectionId });
  await nango.batchSave(data.rows, 'Task');
}`;

export async function benchLoad(
  closing: Closing,
  { connections, every, minutes, say }: BenchOptions,
): Promise<Figures> {
  const upstream = await startChaosUpstream(closing);
  const shape = { apis: 1, syncWorkers: 1, actionWorkers: 0 };
  const cluster = await openCluster(closing, { ...shape, say, providers: chaosProviders(upstream.url) });
  say(`Temporal: ${cluster.temporalKind}; 1 API, 1 worker for syncs; each sync every ${every} s`);
  const few = Math.max(1, Math.round(connections / 100));
  const oftener = Math.max(SHORTEST_S, Math.round((every * few) / connections));
  await populate(cluster, { from: 0, to: few, every: oftener });
  const before = await measured(cluster, { connections: few, every: oftener, minutes, say });
  await populate(cluster, { from: few, to: connections, every });
  const after = await measured(cluster, { connections, every, minutes, say });
  return {
    connections,
    every_s: every,
    factor_to_goal: GOAL_PER_S / (connections / every),
    ...after,
    ...Object.fromEntries(Object.entries(before).map(([name, value]) => [`${name}_at_${few}`, value])),
  };
}

async function populate(
  { callers: [caller] }: Cluster,
  { from, to, every }: { readonly from: number; readonly to: number; readonly every: number },
): Promise<void> {
  if (caller === undefined) throw new Error('A cluster has APIs');
  await call(caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: PROVIDERS.plain }, [409]);
  // First, or what is connected would be due as often as those before until all are.
  await deployScripts(caller, INTEGRATION, [
    { name: 'rows', source: SOURCE, runs: `every ${every}s`, autoStart: true },
  ]);
  const names = Array.from({ length: to - from }, (_, at) => `load-${from + at}`);
  await eachOf(names, AT_ONCE, (name) => connect({ caller }, INTEGRATION, name));
}

type Options = Pick<BenchOptions, 'connections' | 'every' | 'minutes' | 'say'>;

/** What happens in so many minutes, from when every sync has its schedule and its first run. */
async function measured(cluster: Cluster, { connections, every, minutes, say }: Options): Promise<Figures> {
  await untilSettled(cluster, connections);
  const [used, bytes, since] = [cpuSeconds(cluster), await databaseBytes(cluster), await now(cluster)];
  await delay(minutes * 60_000);
  const runs = await scheduledRuns(cluster, since);
  const cpuMs = (cpuSeconds(cluster) - used) * 1000;
  const delays = summary(
    runs.map(({ delayMs }) => delayMs),
    minutes * 60_000,
  );
  const history = await historyOf(cluster, runs.slice(-SAMPLE));
  say(`${connections} connections: ${runs.length} runs in ${minutes} min, delay p99 ${Math.round(delays.p99Ms)} ms`);
  return {
    runs_per_s: delays.perS,
    due_per_s: connections / every,
    schedule_delay_p50_ms: delays.p50Ms,
    schedule_delay_p99_ms: delays.p99Ms,
    cpu_ms_per_run: cpuMs / Math.max(1, runs.length),
    ...history,
    postgres_bytes_per_run: ((await databaseBytes(cluster)) - bytes) / Math.max(1, runs.length),
    ...memory(cluster),
  };
}

async function untilSettled({ db }: Cluster, connections: number): Promise<void> {
  const text = `select (count(*) filter (where scheduled_revision = revision))::int as scheduled,
      (select count(distinct sync_id)::int from runs where state = 'success') as ran from syncs`;
  for (;;) {
    const { rows } = await db.query<{ scheduled: number; ran: number }>(text);
    if (rows[0]?.scheduled === connections && rows[0].ran === connections) return;
    await delay(500);
  }
}

type Scheduled = { readonly workflowId: string; readonly workflowRunId: string; readonly delayMs: number };

/** A schedule puts the time it is due behind the workflow's id. */
async function scheduledRuns({ db }: Cluster, since: Date): Promise<Scheduled[]> {
  const { rows } = await db.query<Scheduled>(
    `select workflow_id as "workflowId", workflow_run_id as "workflowRunId",
       (extract(epoch from started_at - right(workflow_id, 20)::timestamptz) * 1000)::float8 as "delayMs"
     from runs where started_by = 'schedule' and state = 'success' and started_at > $1::timestamptz
     order by started_at`,
    [since],
  );
  return rows;
}

async function historyOf({ temporalAddress }: Cluster, runs: readonly Scheduled[]): Promise<Figures> {
  const connection = await Connection.connect({ address: temporalAddress });
  const { workflow } = new Client({ connection });
  const found = await eachOf(runs, AT_ONCE, ({ workflowId, workflowRunId }) =>
    workflow.getHandle(workflowId, workflowRunId).describe(),
  );
  await connection.close();
  const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / (values.length || 1);
  return {
    history_events_per_run: mean(found.map(({ historyLength }) => historyLength)),
    history_bytes_per_run: mean(found.map(({ historySize }) => historySize ?? 0)),
  };
}

/** Of all parts but this process, which is the upstream. */
function cpuSeconds(cluster: Cluster): number {
  return total(Object.values(cluster.pids()).flat().flatMap(measureTree)).cpuSeconds;
}

function memory(cluster: Cluster): Figures {
  const parts = Object.entries(cluster.pids()).filter(([, pids]) => pids.length > 0);
  return Object.fromEntries(parts.map(([name, pids]) => [`${name}_mib`, total(pids.flatMap(measureTree)).pssMib]));
}

async function databaseBytes({ db }: Cluster): Promise<number> {
  const { rows } = await db.query<{ bytes: number }>(`select pg_database_size(current_database())::float8 as bytes`);
  return rows[0]?.bytes ?? Number.NaN;
}

async function now({ db }: Cluster): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>('select now() as now');
  return rows[0]?.now ?? new Date();
}
