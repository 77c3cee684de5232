/**
 * A deployment that reaches many connections at once, on the topology of production: how long until each has its schedule,
 * what a new connection and the callers of the API feel of it meanwhile, and whether it goes on where it was when every
 * worker is killed in the middle. The connections are made by SQL: it is not their making that is measured.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { type Caller, call } from '../../platform/example.ts';
import type { Closing } from '../../runtime/closing.ts';
import { createApiKey, ensureEnvironment } from '../../store/environments.ts';
import { countDueSyncs } from '../../store/syncs.ts';
import { deployScripts } from '../../test/support/deploy-scripts.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { chaosProviders, connect, PROVIDERS } from '../chaos/theatre.ts';
import { startChaosUpstream } from '../chaos/upstream.ts';
import { type Cluster, openCluster } from '../cluster/cluster.ts';
import { summary } from '../load.ts';

const MANY = 'many';
const BESIDE = 'beside';
const SYNC = 'rows';
const LOOK_EVERY_MS = 250;
const ASK_EVERY_MS = 100;
const LISTED_WITHIN_MS = 120_000;

const SOURCE = `
export default async function fetchData(nango: any) {
  const { data } = await nango.get({ endpoint: '/pages/' + nango.connectionId });
  await nango.batchSave(data.rows, 'Task');
}`;

export async function benchDeploy(closing: Closing, { connections, say }: BenchOptions): Promise<Figures> {
  const upstream = await startChaosUpstream(closing);
  const shape = { apis: 1, syncWorkers: 2, actionWorkers: 0 };
  const cluster = await openCluster(closing, { ...shape, say, providers: chaosProviders(upstream.url) });
  const caller = cluster.callers[0] as Caller;
  const neighbour = { apiUrl: caller.apiUrl, key: await keyOf(cluster, 'prod') };
  await populate(cluster, { caller, neighbour, connections });
  say(`Temporal: ${cluster.temporalKind}; 1 API, 2 workers for syncs; ${connections} connections`);
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  const asking = askAgainAndAgain(caller);
  await deploy(caller, MANY);
  const answeredS = seconds();
  say(`${answeredS.toFixed(1)} s: the deployment was answered`);
  await untilLeft(cluster, connections * 0.75);
  const besideS = await firstRunOf(cluster, neighbour, 'newcomer');
  say(
    `${seconds().toFixed(1)} s: a new connection of another environment had its first run after ${besideS.toFixed(1)} s`,
  );
  await untilLeft(cluster, connections / 2);
  const stoodStillS = await killWorkers(cluster);
  say(`${seconds().toFixed(1)} s: all workers were killed; it went on ${stoodStillS.toFixed(1)} s later`);
  await untilLeft(cluster, 0);
  const schedulesS = seconds();
  const asked = await asking.stop();
  return {
    connections,
    deploy_answered_s: answeredS,
    schedules_s: schedulesS,
    schedules_per_s: connections / schedulesS,
    newcomer_first_run_s: besideS,
    stood_still_after_kill_s: stoodStillS,
    api_p50_ms: asked.p50Ms,
    api_p99_ms: asked.p99Ms,
    api_failed: asked.failed,
    schedules_missing: connections - (await listed(cluster, connections)),
  };
}

async function keyOf({ db }: Cluster, environment: string): Promise<string> {
  const { id } = await ensureEnvironment(db, environment, new Date());
  return createApiKey(db, id, new Date());
}

async function populate(
  { db }: Cluster,
  { caller, neighbour, connections }: { caller: Caller; neighbour: Caller; connections: number },
): Promise<void> {
  await call(caller, 'POST', '/integrations', { unique_key: MANY, provider: PROVIDERS.plain });
  await call(neighbour, 'POST', '/integrations', { unique_key: BESIDE, provider: PROVIDERS.plain });
  await deploy(neighbour, BESIDE);
  await connect({ caller }, MANY, 'many-0');
  await db.query(
    `insert into connections overriding system value
     select made.*
     from connections c, generate_series(1, $1::int - 1) n, lateral jsonb_populate_record(c, jsonb_build_object(
       'id', nextval(pg_get_serial_sequence('connections', 'id')), 'connection_id', 'many-' || n)) made
     where c.connection_id = 'many-0'`,
    [connections],
  );
  await db.query('analyze connections');
}

function deploy(caller: Caller, integration: string): Promise<unknown> {
  return deployScripts(caller, integration, [{ name: SYNC, source: SOURCE, runs: 'every 1d', autoStart: true }]);
}

async function untilLeft(cluster: Cluster, most: number): Promise<void> {
  while ((await countDueSyncs(cluster.db)) > most) await delay(LOOK_EVERY_MS);
}

/** Makes a connection and answers how long it took until its sync had run once. */
async function firstRunOf({ db }: Cluster, caller: Caller, connection: string): Promise<number> {
  const begun = performance.now();
  await connect({ caller }, BESIDE, connection);
  const text = `select from runs r join connections c on c.id = r.connection_id
    where c.connection_id = $1::text and r.state = 'success'`;
  while ((await db.query(text, [connection])).rowCount === 0) await delay(ASK_EVERY_MS);
  return (performance.now() - begun) / 1000;
}

/** Kills all of them at once and answers how long it took until one more sync had its schedule. */
async function killWorkers(cluster: Cluster): Promise<number> {
  for (const worker of cluster.syncWorkers) worker.signal('SIGKILL');
  await delay(LOOK_EVERY_MS);
  const begun = performance.now();
  const before = await countDueSyncs(cluster.db);
  // None are left where there were few from the beginning.
  while (before > 0 && (await countDueSyncs(cluster.db)) === before) await delay(LOOK_EVERY_MS);
  return (performance.now() - begun) / 1000;
}

/** Somebody who uses the API meanwhile. */
function askAgainAndAgain(caller: Caller) {
  const times: number[] = [];
  const begun = performance.now();
  let isOver = false;
  let failed = 0;
  const ask = async (): Promise<void> => {
    while (!isOver) {
      const asked = performance.now();
      // Also where the bench is stopped and the API goes first: what is left then has to be closed in its order.
      await call(caller, 'GET', '/connections?limit=1').then(
        () => times.push(performance.now() - asked),
        () => {
          failed += 1;
        },
      );
      await delay(ASK_EVERY_MS);
    }
  };
  const done = ask();
  return {
    stop: async () => {
      isOver = true;
      await done;
      return { ...summary(times, performance.now() - begun), failed };
    },
  };
}

/** How many of the schedules Temporal lists; its list lags behind what there is. */
async function listed({ temporalAddress }: Cluster, wanted: number): Promise<number> {
  const connection = await Connection.connect({ address: temporalAddress });
  const { schedule } = new Client({ connection });
  try {
    for (const deadline = performance.now() + LISTED_WITHIN_MS; ; await delay(1000)) {
      let count = 0;
      for await (const { scheduleId } of schedule.list({ pageSize: 1000 })) {
        if (scheduleId.startsWith(`sync:dev:${MANY}:`)) count += 1;
      }
      if (count >= wanted || performance.now() > deadline) return count;
    }
  } finally {
    await connection.close();
  }
}
