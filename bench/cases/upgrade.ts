/**
 * A rolling upgrade under load: API and worker of an older commit; the migrations of this code beside them; API and worker
 * of this code beside them; the old ones stopped; this code alone. Nothing may fail, be lost or be done twice.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Caller, call } from '../../platform/example.ts';
import { freePort } from '../../platform/ports.ts';
import type { Closing } from '../../runtime/closing.ts';
import { type Database, openDatabase } from '../../store/db.ts';
import { deployScripts, type TestScript } from '../../test/support/deploy-scripts.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { connect } from '../chaos/theatre.ts';
import { engineSettings, openServers, type Servers } from '../cluster/servers.ts';
import { startReader } from '../siege/reader.ts';
import { startTruth, type Truth } from '../siege/truth.ts';
import { compared, deadAfter, ended, nowOf, postsOf, truthProviders } from '../siege/verdict.ts';
import { again, type Balancer, callAction, createBalancer, runOnce } from '../upgrade/load.ts';
import { migrate, type Release, sourcesOf, startRelease, THIS_CODE } from '../upgrade/release.ts';

const INTEGRATION = 'upgraded';
const CONNECTIONS = Array.from({ length: 6 }, (_, at) => `upgrade-${at}`);
/** They come while both are there, by one API each. */
const NEWCOMERS = ['upgrade-6', 'upgrade-7'] as const;
const ALL = [...CONNECTIONS, ...NEWCOMERS];
const ACTIONS_AT_ONCE = 2;
const CHANGE_EVERY_MS = 2000;
const QUIET_WITHIN_MS = 60_000;

/** Some seconds long, so that runs are under way at each moment; its pauses are part of its journal. */
const syncOf = (note: string): TestScript => ({
  ...{ name: 'items', runs: 'every 30s', autoStart: true, trackDeletes: true },
  source: `
// ${note}
export default async function fetchData(nango: any) {
  let pages = 1;
  for (let page = 0; page < pages; page++) {
    const { data } = await nango.get({ endpoint: '/items', params: { page }, retries: 3 });
    pages = data.pages;
    await nango.batchSave(data.rows, 'Task');
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (page === 2) await nango.post({ endpoint: '/posts/once-' + crypto.randomUUID(), data: {} });
  }
}`,
});
const ACTION: TestScript = {
  ...{ name: 'post', type: 'action' },
  source: `
export default async function runAction(nango: any, input: any) {
  await nango.post({ endpoint: '/posts/once-' + input.text, data: {} });
  return input;
}`,
};

export async function benchUpgrade(closing: Closing, { from, seconds, say }: BenchOptions): Promise<Figures> {
  const truth = await startTruth(closing, ALL, 1);
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-upgrade-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  const sources = await sourcesOf(from, folder, say);
  const servers = await openServers(closing, { folder, say });
  const settings = await settingsOf(folder, servers, truth.port);
  const key = /^NANGO_SECRET_KEY_DEV=(.*)$/m.exec(await migrate(sources, closing, await settings()))?.[1] ?? '';
  const old = await startRelease(sources, closing, await settings(), say);
  const balancer = createBalancer(key);
  balancer.use(old.apiUrl);
  await populate(balancer.next());
  const load = startLoad(closing, balancer, truth);
  await delay(seconds * 1000);
  const printed = await migrate(THIS_CODE, closing, await settings());
  const applied = /^Applied: (.*)$/m.exec(printed)?.[1]?.split(', ') ?? [];
  say(`migrated beside the old code: ${applied.join(', ') || 'nothing to apply'}`);
  await delay(seconds * 1000);
  const fresh = await startRelease(THIS_CODE, closing, await settings(), say);
  say('both are there');
  balancer.use(old.apiUrl, fresh.apiUrl);
  await sideBySide(old, fresh, key);
  await delay(seconds * 1000);
  balancer.use(fresh.apiUrl);
  const begun = performance.now();
  const badEnds = await old.stop();
  const stopS = (performance.now() - begun) / 1000;
  say(`stopped the old code in ${stopS.toFixed(1)} s`);
  await delay(seconds * 1000);
  const figures = await load.stop();
  const db = openDatabase(servers.postgresUrl, { max: 2, onLost: () => undefined });
  closing.add('the database connection', () => db.end());
  const judged = { caller: balancer.next(), db, integration: INTEGRATION, connections: ALL };
  const dead = await deadAfter(judged, await nowOf(db));
  for (const reader of load.readers) await reader.finish();
  return {
    ...{ migrations: applied.length, old_stop_s: stopS, bad_ends: badEnds, ...figures(say) },
    runs_begun_by_old: old.began.size,
    runs_begun_by_new: fresh.began.size,
    runs_handed_over: [...old.began].filter((id) => fresh.began.has(id)).length,
    ...(await endedAndPosted(db, truth)),
    ...(await compared(judged, truth, load.readers, say)),
    schedules_dead: dead.length,
  };
}

/**
 * How all runs ended, and the POSTs beside them, of which each that succeeded has made one: taken while none is under way
 * if there is such a moment, since schedules go on; one that is may have made its own.
 */
async function endedAndPosted(db: Database, truth: Truth): Promise<Figures> {
  for (const deadline = performance.now() + QUIET_WITHIN_MS; ; await delay(50)) {
    const { succeeded = 0, under_way: open = 0, ...others } = await ended(db);
    if (open > 0 && performance.now() < deadline) continue;
    const { posts = 0, ...repeated } = postsOf(truth);
    return {
      ...{ succeeded, under_way: open, ...others, posts },
      posts_beyond_runs: posts - succeeded - open,
      ...repeated,
    };
  }
}

/** Of every process; each gets a port of its own for its API. */
async function settingsOf(folder: string, servers: Servers, port: number) {
  const shared = await engineSettings(folder, servers, truthProviders(`http://127.0.0.1:${port}`));
  return async () => ({ ...shared, SERVER_PORT: String(await freePort()) });
}

async function populate(caller: Caller): Promise<void> {
  await call(caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: 'truth' });
  for (const connection of CONNECTIONS) await connect({ caller }, INTEGRATION, connection);
  await deployScripts(caller, INTEGRATION, [syncOf('deployed by the old code'), ACTION]);
}

/** What people do in the middle of an upgrade: connections by each of the two APIs, a deployment by the new one. */
async function sideBySide(old: Release, fresh: Release, key: string): Promise<void> {
  const [byOld, byNew] = NEWCOMERS;
  await connect({ caller: { apiUrl: old.apiUrl, key } }, INTEGRATION, byOld);
  const caller = { apiUrl: fresh.apiUrl, key };
  await connect({ caller }, INTEGRATION, byNew);
  await deployScripts(caller, INTEGRATION, [syncOf('deployed by the new code'), ACTION]);
}

function startLoad(closing: Closing, balancer: Balancer, truth: Truth) {
  const named = (at: number) => ({ integration: INTEGRATION, connection: CONNECTIONS[at] ?? '' });
  const syncs = again(CONNECTIONS.length, (at) => runOnce(balancer, named(at)));
  const actions = again(ACTIONS_AT_ONCE, (at) => callAction(balancer, named(at)));
  const readers = ALL.map((connection) => startReader(balancer.next, INTEGRATION, connection));
  const changing = setInterval(truth.change, CHANGE_EVERY_MS);
  closing.add('the changes', () => clearInterval(changing));
  return {
    readers,
    stop: async () => {
      clearInterval(changing);
      const [ran, acted] = [await syncs.stop(), await actions.stop()];
      return (say: (line: string) => void): Figures => {
        const wrong = [...ran.wrong, ...acted.wrong];
        for (const line of wrong.slice(0, 10)) say(`wrong: ${line}`);
        return { syncs_triggered: ran.done, actions: acted.done, calls_wrong: wrong.length };
      };
    },
  };
}
