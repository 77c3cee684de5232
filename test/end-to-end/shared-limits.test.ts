/** The limit of one connection as workers and the API meet it together, each in a process of its own. */
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { connect, endedRun, PROVIDERS, trigger } from '../../bench/chaos/theatre.ts';
import { call } from '../../platform/example.ts';
import { useTheatre } from '../support/theatre.ts';
import { useUpstream } from '../support/upstream.ts';

// One run in each worker.
const stage = useTheatre({ workers: 2, settings: { NANGO_SYNC_SLOTS: '1' } });
const upstream = useUpstream();
const ENDS_WITHIN_MS = 60_000;
const NAME = 'shared';

/** What the API has answered with 200, by path, and how often it refused. */
const api = { served: [] as string[], refused: 0, ends: 0, left: 0 };

/** So many calls in a window that begins with the first after the one before. */
function limited(budget: number, windowMs: number, headers: (resetS: number) => Record<string, string>): void {
  upstream.handleWith(({ url }) => {
    const now = performance.now();
    if (now >= api.ends) Object.assign(api, { ends: now + windowMs, left: budget });
    api.left -= 1;
    const isServed = api.left >= 0;
    if (isServed) api.served.push(url);
    else api.refused += 1;
    return { status: isServed ? 200 : 429, headers: headers((api.ends - now) / 1_000), json: {} };
  });
}
/** The API tells how much is left. */
const telling = (budget: number, windowMs: number) =>
  limited(budget, windowMs, (resetS) => ({
    ratelimit: `limit=${budget}, remaining=${Math.max(0, api.left)}, reset=${resetS.toFixed(3)}`,
  }));
/** Only a refusal tells when to come back. */
const refusing = (budget: number, windowMs: number) =>
  limited(
    budget,
    windowMs,
    (resetS): Record<string, string> => (api.left >= 0 ? {} : { 'retry-after': String(resetS) }),
  );

beforeAll(async () => {
  await call(stage.theatre.caller, 'POST', '/integrations', { unique_key: NAME, provider: PROVIDERS.plain });
  await connect(stage.theatre, NAME, NAME);
}, 60_000);
beforeEach(() => void Object.assign(api, { served: [], refused: 0, ends: 0, left: 0 }));

const servedOf = (name: string) => api.served.filter((url) => url.startsWith(`/${name}`)).length;

async function deploy(name: string, body: (endpoint: string) => string): Promise<void> {
  const config = `baseUrlOverride: '${upstream.url}'`;
  const source = `export default async function fetchData(nango: any) { ${body(config)} }`;
  await stage.theatre.deploy(NAME, { name, source });
}
const run = (name: string) => trigger(stage.theatre, { integration: NAME, connection: NAME, name });

async function proxied(path: string): Promise<number> {
  const { apiUrl, key } = stage.theatre.caller;
  const headers = {
    authorization: `Bearer ${key}`,
    'provider-config-key': NAME,
    'connection-id': NAME,
    'base-url-override': upstream.url,
    retries: '50',
  };
  const answer = await fetch(`${apiUrl}/proxy/${path}`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

test('two workers use the budget of a connection up without running into its limit', async () => {
  const CALLS = 35;
  telling(20, 3_000);
  for (const name of ['one', 'other'])
    await deploy(
      name,
      (config) => `for (let n = 0; n < ${CALLS}; n += 1) await nango.get({ endpoint: '/${name}', ${config} });`,
    );
  const runs = await Promise.all(['one', 'other'].map(run));
  for (const id of runs) expect((await endedRun(stage.theatre, id, ENDS_WITHIN_MS)).state).toBe('success');
  const [one, other] = runs.map((id) => stage.theatre.attemptOf(id)?.worker.pid);
  expect(one).not.toBe(other);
  expect(['one', 'other'].map(servedOf)).toEqual([CALLS, CALLS]);
  expect(api.refused).toBe(0);
}, 120_000);

test('a caller of /proxy and a run beside it use the budget up without running into its limit', async () => {
  const CALLS = 30;
  telling(20, 3_000);
  await deploy(
    'beside',
    (config) => `for (let n = 0; n < ${CALLS}; n += 1) await nango.get({ endpoint: '/beside', ${config} });`,
  );
  const id = await run('beside');
  const statuses: number[] = [];
  for (let n = 0; n < CALLS; n += 1) statuses.push(await proxied('caller'));
  expect((await endedRun(stage.theatre, id, ENDS_WITHIN_MS)).state).toBe('success');
  expect(statuses).toEqual(Array(CALLS).fill(200));
  expect(['beside', 'caller'].map(servedOf)).toEqual([CALLS, CALLS]);
  expect(api.refused).toBe(0);
}, 120_000);

const BUDGET = 20;
const WINDOW_MS = 500;
const CROWD = 300;
const FEW = 5;
// Five windows, had each of its calls to wait for the next one.
const PATIENCE = (FEW + 1) * BUDGET;
const MOST_REFUSED = CROWD / 3;

test('hundreds of callers of /proxy come as there is room, and a run of their connection takes turns with them', async () => {
  refusing(BUDGET, WINDOW_MS);
  await deploy(
    'few',
    (config) => `for (let n = 0; n < ${FEW}; n += 1) await nango.get({ endpoint: '/few', retries: 50, ${config} });`,
  );
  const crowd = Promise.all(Array.from({ length: CROWD }, () => proxied('crowd')));
  while (api.refused === 0) await delay(5);
  const id = await run('few');
  while (servedOf('few') === 0) await delay(5);
  const before = servedOf('crowd');
  while (servedOf('few') < FEW) await delay(5);
  expect(servedOf('crowd') - before).toBeLessThanOrEqual(PATIENCE);
  expect(servedOf('crowd')).toBeLessThan(CROWD);
  expect((await endedRun(stage.theatre, id, ENDS_WITHIN_MS)).state).toBe('success');
  expect(await crowd).toEqual(Array(CROWD).fill(200));
  // They come one by one, as there is room, and not all together each time.
  expect(api.refused).toBeLessThanOrEqual(MOST_REFUSED);
  expect(await stage.theatre.engine.db.query('select run_id from call_line')).toMatchObject({ rowCount: 0 });
}, 120_000);
