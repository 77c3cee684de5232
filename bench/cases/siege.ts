import { setTimeout as delay } from 'node:timers/promises';
import { call } from '../../platform/example.ts';
import type { Closing } from '../../runtime/closing.ts';
import { deployScripts } from '../../test/support/deploy-scripts.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { createRandom, type Random } from '../chaos/random.ts';
import { blowsOn } from '../siege/blows.ts';
import { type Fort, openFort } from '../siege/fort.ts';
import { startReader } from '../siege/reader.ts';
import { startTruth } from '../siege/truth.ts';
import { compared, deadAfter, ended, nowOf, postsOf, truthProviders } from '../siege/verdict.ts';

const INTEGRATION = 'besieged';
const CONNECTIONS = Array.from({ length: 12 }, (_, at) => `siege-${at}`);
const CHANGE_EVERY_MS = 2000;
const MOST_REST_MS = 12_000;

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
  const providers = (host: string): string => truthProviders(`http://${host}:${truth.port}`);
  const fort = await openFort(closing, { providers, say, isHard: true });
  await populate(fort);
  const readers = CONNECTIONS.map((connection) => startReader(() => fort.caller, INTEGRATION, connection));
  const changing = setInterval(truth.change, CHANGE_EVERY_MS);
  const blows = await besiege(fort, createRandom(first), { minutes, say }).finally(() => clearInterval(changing));
  await fort.untilReady();
  const judged = { ...fort, integration: INTEGRATION, connections: CONNECTIONS };
  const dead = await deadAfter(judged, await nowOf(fort.db));
  for (const reader of readers) await reader.finish();
  return {
    minutes,
    blows,
    ...(await ended(fort.db)),
    // Of parts that nobody had told to.
    unasked_ends: [fort.api, ...fort.workers].reduce((sum, part) => sum + part.ends(), 0),
    ...(await compared(judged, truth, readers, say)),
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
