/** The topology of production on this machine: one of each part is killed under work, and everything has to end well. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { type Caller, call } from '../../platform/example.ts';
import type { Closing } from '../../runtime/closing.ts';
import { deployScripts } from '../../test/support/deploy-scripts.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { chaosProviders, connect, PROVIDERS, untilAnswered } from '../chaos/theatre.ts';
import { type ChaosUpstream, startChaosUpstream } from '../chaos/upstream.ts';
import { type Cluster, openCluster } from '../cluster/cluster.ts';
import { eachOf } from '../each-of.ts';
import type { Kept } from '../siege/keeper.ts';

const INTEGRATION = 'cluster';
const CONNECTIONS = Array.from({ length: 40 }, (_, at) => `member-${at}`);
// Longer than all blows take, each of which waits for the one before.
const PAGES = 150;
const AT_ONCE = 8;
const CALM_WITHIN_MS = 180_000;

const SYNC = `
export default async function fetchData(nango: any) {
  for (let page = 0; page < ${PAGES}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, params: { slow: 400 }, retries: 3 });
    await nango.batchSave(data.rows, 'Task');
    if (page === 10) await nango.post({ endpoint: '/posts/1', data: {} });
  }
}`;
const ACTION = `
export default async function runAction(nango: any, input: any) {
  await nango.get({ endpoint: '/pages/1', params: { slow: 100 }, retries: 3 });
  return input;
}`;

export async function benchCluster(closing: Closing, { say }: BenchOptions): Promise<Figures> {
  const upstream = await startChaosUpstream(closing);
  const shape = { apis: 2, syncWorkers: 2, actionWorkers: 1 };
  const cluster = await openCluster(closing, { ...shape, say, providers: chaosProviders(upstream.url) });
  say(`Temporal: ${cluster.temporalKind}; 2 APIs, 2 workers for syncs, 1 for actions`);
  await populate(cluster);
  const begun = performance.now();
  const runs = await triggerAll(cluster);
  const actions = callActions(cluster);
  await strike(cluster, say);
  await ended(cluster, runs);
  const answered = await actions.stop();
  return {
    runs: runs.length,
    ...(await howRunsEnded(cluster, runs)),
    ...(await records(cluster)),
    posts: CONNECTIONS.length,
    posts_repeated: repeatedPosts(upstream),
    actions: answered.length,
    actions_wrong: answered.filter((isRight) => !isRight).length,
    schedules_missing: await missingSchedules(cluster),
    seconds: (performance.now() - begun) / 1000,
  };
}

async function populate(cluster: Cluster): Promise<void> {
  const [caller] = cluster.callers;
  if (caller === undefined) throw new Error('A cluster has APIs');
  await call(caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: PROVIDERS.plain });
  await eachOf(CONNECTIONS, AT_ONCE, (name) => connect({ caller }, INTEGRATION, name));
  await deployScripts(caller, INTEGRATION, [
    { name: 'pages', source: SYNC, runs: 'every 1d' },
    { name: 'echo', source: ACTION, type: 'action' },
  ]);
}

/** By each API in turn. */
function triggerAll({ callers }: Cluster): Promise<string[]> {
  return eachOf(CONNECTIONS, AT_ONCE, async (connection, at) => {
    const body = { syncs: ['pages'], provider_config_key: INTEGRATION, connection_id: connection };
    const caller = callers[at % callers.length] as Caller;
    const { runs } = await call<{ runs: { run_id: string }[] }>(caller, 'POST', '/sync/trigger', body);
    return runs[0]?.run_id ?? '';
  });
}

/** Calls actions until it is told to stop. Who is not answered calls again, of the other API, under the same key. */
function callActions({ callers }: Cluster): { readonly stop: () => Promise<boolean[]> } {
  const answers: boolean[] = [];
  let isOver = false;
  const work = async (_: unknown, at: number): Promise<void> => {
    for (let next = at; !isOver; next += 1) {
      const input = { text: randomUUID() };
      const headers = {
        'provider-config-key': INTEGRATION,
        'connection-id': CONNECTIONS[at] ?? '',
        'idempotency-key': input.text,
      };
      const given = await untilAnswered(() => {
        next += 1;
        const body = { action_name: 'echo', input };
        return call<unknown>(callers[next % callers.length] as Caller, 'POST', '/action/trigger', body, [], headers);
      }, CALM_WITHIN_MS);
      answers.push(JSON.stringify(given) === JSON.stringify(input));
    }
  };
  const done = eachOf([0, 1, 2, 3], 4, work);
  return {
    stop: async () => {
      isOver = true;
      await done;
      return answers;
    },
  };
}

/** One of each, and each time the next only once all is well again. */
async function strike(cluster: Cluster, say: (line: string) => void): Promise<void> {
  const { apis, syncWorkers, actionWorkers, postgres, temporal } = cluster;
  const blows: Readonly<Record<string, () => Promise<void>>> = {
    'an API': () => strikeDown(apis[0], 'SIGKILL'),
    'a worker for syncs': () => strikeDown(syncWorkers[0], 'SIGKILL'),
    'the worker for actions': () => strikeDown(actionWorkers[0], 'SIGKILL'),
    'a worker for syncs, which may hand over': () => strikeDown(syncWorkers[1], 'SIGTERM'),
    'the Temporal server': () => temporal.kill().then(temporal.start),
    'the Postgres server': () => postgres.kill().then(postgres.start),
  };
  for (const [what, blow] of Object.entries(blows)) {
    const begun = performance.now();
    await blow();
    await cluster.untilReady();
    say(`killed ${what}: all parts ready ${((performance.now() - begun) / 1000).toFixed(1)} s later`);
  }
}

/** Resolves once it is gone. */
async function strikeDown(part: Kept | undefined, signal: NodeJS.Signals): Promise<void> {
  const pid = part?.pid();
  part?.signal(signal);
  while (part?.pid() === pid) await delay(50);
}

const OPEN = `state in ('queued', 'running', 'waiting')`;

async function ended({ db }: Cluster, runs: readonly string[]): Promise<void> {
  for (const deadline = performance.now() + CALM_WITHIN_MS; ; ) {
    const { rows } = await db.query<{ open: number }>(
      `select count(*)::int as open from runs where id = any($1::text[]) and ${OPEN}`,
      [runs],
    );
    if (rows[0]?.open === 0 || performance.now() > deadline) return;
    await delay(500);
  }
}

async function howRunsEnded({ db }: Cluster, runs: readonly string[]): Promise<Figures> {
  const { rows } = await db.query<Record<string, number>>(
    `select (count(*) filter (where state = 'success'))::int as runs_succeeded,
       (count(*) filter (where ${OPEN}))::int as runs_open,
       (count(*) filter (where state = 'failed' and error ->> 'code' = 'call_in_doubt'))::int as runs_in_doubt,
       (count(*) filter (where state = 'failed' and error ->> 'code' <> 'call_in_doubt'))::int as runs_failed
     from runs where id = any($1::text[])`,
    [runs],
  );
  return rows[0] ?? {};
}

/** What connections lack of what the one with most has: the upstream gives all the same. */
async function records({ db }: Cluster): Promise<Figures> {
  const { rows } = await db.query<{ most: number; missing: number }>(
    `select max(live)::int as most, (max(live) * $1::int - sum(live))::int as missing from record_heads`,
    [CONNECTIONS.length],
  );
  return { records_each: rows[0]?.most ?? 0, records_missing: rows[0]?.missing ?? 0 };
}

function repeatedPosts(upstream: ChaosUpstream): number {
  const made = CONNECTIONS.map((name) => upstream.askedBy(name).filter(({ method }) => method === 'POST').length);
  return made.reduce((sum, count) => sum + Math.max(0, count - 1), 0);
}

async function missingSchedules({ temporalAddress }: Cluster): Promise<number> {
  const connection = await Connection.connect({ address: temporalAddress });
  const { schedule } = new Client({ connection });
  const wanted = CONNECTIONS.map((name) => `sync:dev:${INTEGRATION}:${name}:pages`);
  const there = await eachOf(wanted, AT_ONCE, (id) =>
    schedule
      .getHandle(id)
      .describe()
      .then(
        () => true,
        () => false,
      ),
  );
  await connection.close();
  return there.filter((isThere) => !isThere).length;
}
