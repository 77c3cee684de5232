import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chaosProviders, connect, endedRun, PROVIDERS, trigger } from '../../bench/chaos/theatre.ts';
import { type ChaosUpstream, startChaosUpstream } from '../../bench/chaos/upstream.ts';
import { type Fort, openFort } from '../../bench/siege/fort.ts';
import { call } from '../../platform/example.ts';
import { createClosing } from '../../runtime/closing.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { until } from '../support/until.ts';

const PAGES = 8;
const RESUMES_WITHIN_S = 15;
/** What a busy machine adds to any wait. */
const BUSY_S = 15;
const INTEGRATION = 'servers';
const SOURCE = `
export default async function fetchData(nango: any) {
  for (let page = 0; page < ${PAGES}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page });
    await nango.batchSave(data.rows, 'Task');
    if (page === 2) await nango.post({ endpoint: '/posts/1', data: {} });
  }
}`;

const closing = createClosing();
let upstream: ChaosUpstream;
let fort: Fort;

afterAll(() => closing.run(), 120_000);

beforeAll(async () => {
  upstream = await startChaosUpstream(closing);
  fort = await openFort(closing, { providers: () => chaosProviders(upstream.url), say: () => undefined });
  await call(fort.caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: PROVIDERS.plain });
}, 240_000);

/** Kills the part at once, and resolves when it is back. */
const STRIKES: Readonly<Record<string, () => Promise<void>>> = {
  API: async () => {
    fort.api.signal('SIGKILL');
    await until('API that is back', async () => {
      await call(fort.caller, 'GET', '/ready').catch(() => undefined);
      return fort.api.pid() === undefined;
    });
  },
  Temporal: () => fort.temporal.kill().then(fort.temporal.start),
  Postgres: () => fort.postgres.kill().then(fort.postgres.start),
};

test.each(Object.keys(STRIKES))(
  'a run goes on within 15 s once %s is back after SIGKILL',
  async (part) => {
    const connection = `struck-${part.toLowerCase()}`;
    await connect(fort, INTEGRATION, connection);
    await deployScripts(fort.caller, INTEGRATION, [{ name: connection, source: SOURCE }]);
    const back = Promise.withResolvers<void>();
    let backAt = 0;
    upstream.watch(connection, async ({ path }) => {
      if (path !== '/pages/4' || backAt > 0) return;
      await STRIKES[part]?.();
      await fort.untilReady();
      backAt = performance.now();
      back.resolve();
    });
    const runId = await trigger(fort, { integration: INTEGRATION, connection, name: connection });
    await back.promise;
    const run = await endedRun(fort, runId, 240_000);
    const asked = upstream.askedBy(connection);
    expect(run).toMatchObject({ state: 'success', error: null, counts: { Task: { updated: 0, deleted: 0 } } });
    expect(backAt).toBeGreaterThan(0);
    const next = asked.find(({ at }) => at > backAt);
    expect(((next?.at ?? Number.POSITIVE_INFINITY) - backAt) / 1000).toBeLessThan(RESUMES_WITHIN_S + BUSY_S);
    expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(1);
    expect(new Set(asked.map(({ path }) => path)).size).toBe(PAGES + 1);
  },
  300_000,
);

test('what an API was asked for just before SIGKILL runs if it is a sync, and never if it is an action', async () => {
  const name = 'cut-off';
  await connect(fort, INTEGRATION, name);
  const action = `export default async (nango: any) => (await nango.post({ endpoint: '/posts/9', data: {} })).data;`;
  await deployScripts(fort.caller, INTEGRATION, [
    { name, source: SOURCE },
    { name: `${name}-action`, type: 'action', source: action },
  ]);
  const act = (): Promise<unknown> =>
    call(fort.caller, 'POST', '/action/trigger', { action_name: `${name}-action` }, [], {
      ...{ 'provider-config-key': INTEGRATION, 'connection-id': name, 'idempotency-key': 'once' },
    });
  fort.wires.temporal.cut();
  const unheard = [trigger(fort, { integration: INTEGRATION, connection: name, name }), act()];
  for (const one of unheard) one.catch(() => undefined);
  const queued = () =>
    fort.db.query<{ id: string; kind: string }>(
      `select id, kind from runs where state = 'queued' and name like '${name}%' order by kind`,
    );
  await until('row of each', async () => (await queued()).rows.length >= unheard.length);
  const [{ id: actionRun = '' } = {}, { id: syncRun = '' } = {}] = (await queued()).rows;
  fort.api.signal('SIGKILL');
  expect((await Promise.allSettled(unheard)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fort.wires.temporal.replace();
  await fort.untilReady();
  // What was allocated within the last minute is left to whoever allocated it.
  await fort.db.query(`update runs set created_at = created_at - interval '5 minutes' where id = $1::text`, [
    actionRun,
  ]);
  await deployScripts(fort.caller, INTEGRATION, [{ name: `${name}-other`, source: SOURCE }]);
  expect(await endedRun(fort, syncRun, 120_000)).toMatchObject({ state: 'success' });
  expect(await endedRun(fort, actionRun, 120_000)).toMatchObject({
    state: 'failed',
    error: { code: 'runner_lost', message: expect.stringContaining('before it could: call it again') },
  });
  const posts = () => upstream.askedBy(name).filter(({ path }) => path === '/posts/9').length;
  expect(posts()).toBe(0);
  expect(await act()).toMatchObject({ made: expect.anything() });
  expect(posts()).toBe(1);
}, 300_000);
