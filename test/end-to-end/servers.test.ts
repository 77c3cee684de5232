import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chaosProviders, connect, endedRun, PROVIDERS, trigger } from '../../bench/chaos/theatre.ts';
import { type ChaosUpstream, startChaosUpstream } from '../../bench/chaos/upstream.ts';
import { type Fort, openFort } from '../../bench/siege/fort.ts';
import { call } from '../../platform/example.ts';
import { createClosing } from '../../runtime/closing.ts';
import { deployScripts } from '../support/deploy-scripts.ts';

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
  fort = await openFort(closing, { providers: chaosProviders(upstream.url), say: () => undefined });
  await call(fort.caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: PROVIDERS.plain });
}, 240_000);

/** Kills the part at once, and resolves when it is back. */
const STRIKES: Readonly<Record<string, () => Promise<void>>> = {
  API: async () => {
    fort.api.signal('SIGKILL');
    while (fort.api.pid() !== undefined) await call(fort.caller, 'GET', '/ready').catch(() => undefined);
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
