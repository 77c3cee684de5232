import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { call } from '../../platform/example.ts';
import type { Closing } from '../../runtime/closing.ts';
import { deployScripts } from '../../test/support/deploy-scripts.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { createRandom, type Random } from '../chaos/random.ts';
import { blowsOn } from '../siege/blows.ts';
import { type Fort, openFort } from '../siege/fort.ts';
import { type Reader, startReader } from '../siege/reader.ts';
import { startTruth, type Truth } from '../siege/truth.ts';

const INTEGRATION = 'besieged';
const CONNECTIONS = Array.from({ length: 12 }, (_, at) => `siege-${at}`);
const CHANGE_EVERY_MS = 2000;
const MOST_REST_MS = 12_000;
const CALM_WITHIN_MS = 240_000;

/** Reads all pages, posts once in the middle, and saves what it read; every other connection's POST may be repeated. */
const SOURCE = `
export default async function fetchData(nango: any) {
  const id = crypto.randomUUID();
  const isRepeatable = Number(nango.connectionId.split('-').at(-1)) % 2 === 0;
  const get = async (page: number) => (await nango.get({ endpoint: '/items', params: { page }, retries: 3 })).data;
  let pages = 1;
  for (let page = 0; page < pages; page++) {
    const data = await get(page);
    pages = data.pages;
    await nango.batchSave(data.rows, 'Task');
    if (page !== 2) continue;
    await nango.post({ endpoint: '/posts/' + (isRepeatable ? 'often-' : 'once-') + id, data: {}, ...(isRepeatable && { retries: 1 }) });
  }
}`;

/** The whole platform for `minutes` under random blows; then calm, and everything must be true. */
export async function benchSiege(closing: Closing, { minutes, first, say }: BenchOptions): Promise<Figures> {
  const truth = await startTruth(closing, CONNECTIONS, first);
  const providers = (host: string): string => providersOf(`http://${host}:${truth.port}`);
  const fort = await openFort(closing, { providers, say, isHard: true });
  await populate(fort);
  const readers = CONNECTIONS.map((connection) => startReader(fort.caller, INTEGRATION, connection));
  const changing = setInterval(truth.change, CHANGE_EVERY_MS);
  const blows = await besiege(fort, createRandom(first), { minutes, say }).finally(() => clearInterval(changing));
  await fort.untilReady();
  const dead = await deadAfter(fort, await nowOf(fort));
  for (const reader of readers) await reader.finish();
  return {
    minutes,
    blows,
    ...(await ended(fort)),
    ...(await compared(fort, truth, readers, say)),
    ...postsOf(truth),
    schedules_dead: dead.length,
  };
}

async function populate({ caller }: Fort): Promise<void> {
  await call(caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: 'truth' });
  for (const connection of CONNECTIONS) {
    const credentials = { type: 'API_KEY', apiKey: connection };
    await call(caller, 'POST', '/connections', {
      ...{ provider_config_key: INTEGRATION, connection_id: connection, credentials },
    });
  }
  const sync = { name: 'items', source: SOURCE, runs: 'every 30s', autoStart: true, trackDeletes: true };
  await deployScripts(caller, INTEGRATION, [sync]);
}

async function besiege(
  fort: Fort,
  random: Random,
  { minutes, say }: Pick<BenchOptions, 'minutes' | 'say'>,
): Promise<number> {
  const { possible, impossible } = blowsOn(fort);
  if (impossible.length > 0) say(`not on this machine: ${impossible.join(', ')}`);
  const [firstKind = '', ...otherKinds] = Object.keys(possible);
  let blows = 0;
  for (const begun = performance.now(); performance.now() - begun < minutes * 60_000; ) {
    await delay(random.between(500, MOST_REST_MS));
    const kind = random.pick([firstKind, ...otherKinds]);
    blows += 1;
    say(`${String(Math.round((performance.now() - begun) / 1000)).padStart(5)} s  ${kind}`);
    await possible[kind]?.(fort, random);
  }
  return blows;
}

async function nowOf({ db }: Fort): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>('select now() as now');
  return rows[0]?.now ?? new Date();
}

/** Connections whose sync has not run by its schedule, from begin to end, after that moment. */
async function deadAfter({ db }: Fort, since: Date): Promise<readonly string[]> {
  const text = `select distinct c.connection_id as name from runs r join connections c on c.id = r.connection_id
    where r.state = 'success' and r.created_at > $1::timestamptz`;
  for (const deadline = performance.now() + CALM_WITHIN_MS; ; await delay(1000)) {
    const { rows } = await db.query<{ name: string }>(text, [since]);
    const dead = CONNECTIONS.filter((name) => !rows.some((row) => row.name === name));
    if (dead.length === 0 || performance.now() > deadline) return dead;
  }
}

/** How the runs ended, and how often a part ended that nobody had told to. */
async function ended({ db, api, workers }: Fort): Promise<Figures> {
  const text = `select count(*)::int as runs,
      (count(*) filter (where state = 'success'))::int as succeeded,
      (count(*) filter (where state in ('queued', 'running', 'waiting')))::int as under_way,
      (count(*) filter (where state in ('skipped', 'cancelled')))::int as skipped,
      (count(*) filter (where state = 'failed' and error ->> 'code' = 'call_in_doubt'))::int as failed_in_doubt,
      (count(*) filter (where state = 'failed' and error ->> 'code' <> 'call_in_doubt'))::int as failed_otherwise
    from runs`;
  const { rows } = await db.query<Record<string, number>>(text);
  const ends = [api, ...workers].reduce((sum, part) => sum + part.ends(), 0);
  return { ...rows[0], unasked_ends: ends };
}

/** The upstream's own truth beside what is stored, beside what a reader of changes believes, beside what runs counted. */
async function compared(
  { caller, db }: Fort,
  truth: Truth,
  readers: readonly Reader[],
  say: (line: string) => void,
): Promise<Figures> {
  const counted = await countedBy(db);
  let [records, lost, extra, stale, readersWrong, miscounted] = [0, 0, 0, 0, 0, 0];
  for (const [at, connection] of CONNECTIONS.entries()) {
    const expected = truth.itemsOf(connection);
    // A reader from the very beginning: what is stored.
    const fresh = startReader(caller, INTEGRATION, connection);
    await fresh.finish();
    const stored = new Map(fresh.believes().map(({ id, version }) => [id, version]));
    records += stored.size;
    lost += expected.filter(({ id }) => !stored.has(id)).length;
    stale += expected.filter(({ id, version }) => stored.has(id) && stored.get(id) !== version).length;
    extra += stored.size - expected.filter(({ id }) => stored.has(id)).length;
    if (!isDeepStrictEqual(readers[at]?.believes(), fresh.believes())) readersWrong += 1;
    if (counted.get(connection) === stored.size) continue;
    miscounted += 1;
    say(`${connection}: the runs counted ${counted.get(connection)} records, ${stored.size} are there`);
  }
  return { records, lost, extra, stale, readers_wrong: readersWrong, miscounted };
}

async function countedBy(db: Fort['db']): Promise<ReadonlyMap<string, number>> {
  const text = `select c.connection_id as name, sum(n.added - n.deleted)::int as live
    from run_counts n join runs r on r.id = n.run_id join connections c on c.id = r.connection_id group by 1`;
  const { rows } = await db.query<{ name: string; live: number }>(text);
  return new Map(rows.map(({ name, live }) => [name, live]));
}

function postsOf({ posts }: Truth): Figures {
  const repeated = [...posts].filter(([, times]) => times > 1);
  return {
    posts: posts.size,
    posts_repeated_in_doubt: repeated.filter(([path]) => path.startsWith('/posts/often-')).length,
    posts_doubled: repeated.filter(([path]) => path.startsWith('/posts/once-')).length,
  };
}

function providersOf(url: string): string {
  const proxy = { base_url: url, headers: { authorization: `Bearer \${apiKey}` } };
  return JSON.stringify({ truth: { display_name: 'Truth', categories: ['chaos'], auth_mode: 'API_KEY', proxy } });
}
