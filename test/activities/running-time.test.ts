import { expect, test } from '@jest/globals';
import { useUpstream } from '../support/upstream.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';

const HOUR_S = 3_600;
const LIMIT_MS = 300_000;

const upstream = useUpstream();
const durable = useDurableRuns({
  proxy: () => ({ base_url: upstream.url }),
  limits: { syncWallClockMs: LIMIT_MS },
});

const script = (body: string) => `export default async function fetchData(nango: any) { ${body} }`;
const refusedOnce = () => {
  upstream.handleWith(({ url }) => {
    const isFirst = upstream.requests.filter((request) => request.url === url).length === 1;
    return url === '/limited' && isFirst ? { status: 429, headers: { 'retry-after': String(HOUR_S) } } : { json: {} };
  });
};
const LIMITED = "await nango.get({ endpoint: '/limited', retries: 1 });";

test('what a script has run before its wait counts against its limit, the wait does not', async () => {
  refusedOnce();
  const { runs } = durable;
  const name = 'counted';
  const runId = await runs.allocate(await runs.deploy({ name, source: script(`${LIMITED} ${LIMITED}`) }));
  const waiting = await runs.attempt(runId);
  const before = await runningMs(runId);
  expect(before).toBeGreaterThan(0);
  if (waiting.status !== 'waiting') throw new Error(`It is ${waiting.status}`);
  runs.moveTo(waiting.resumeAt);
  expect(await runs.attempt(runId)).toMatchObject({ state: 'success' });
  const after = await runningMs(runId);
  expect(after).toBeGreaterThan(before);
  expect(after).toBeLessThan(HOUR_S * 1000);
});

test('a run ends at its limit however short its last pass is, and the message names the limit', async () => {
  refusedOnce();
  const { runs } = durable;
  const name = 'too-long';
  const source = script(`${LIMITED} await new Promise((resolve) => setTimeout(resolve, 9_000));`);
  const runId = await runs.allocate(await runs.deploy({ name, source, connection: name }));
  await runs.attempt(runId);
  await durable.pool.query('update runs set running_ms = $2 where id = $1', [runId, LIMIT_MS - 10]);
  runs.moveTo(new Date(runs.now().getTime() + 2 * HOUR_S * 1000));
  expect(await runs.attempt(runId)).toMatchObject({
    state: 'failed',
    failure: { code: 'script_timed_out', message: expect.stringContaining(`it ran longer than ${LIMIT_MS} ms`) },
  });
});

test('going through what is remembered is no running time', async () => {
  refusedOnce();
  const { runs } = durable;
  const name = 'remembered';
  const source = script(`${burning(1_500)} await nango.log('burnt'); ${LIMITED}`);
  const runId = await runs.allocate(await runs.deploy({ name, source, connection: name }));
  await runs.attempt(runId);
  await durable.pool.query('update runs set running_ms = $2 where id = $1', [runId, LIMIT_MS - 1_200]);
  runs.moveTo(new Date(runs.now().getTime() + 2 * HOUR_S * 1000));
  expect(await runs.attempt(runId)).toMatchObject({ state: 'success' });
});

async function runningMs(runId: string): Promise<number> {
  const { rows } = await durable.pool.query<{ ms: number }>(
    'select running_ms::float8 as ms from runs where id = $1::text',
    [runId],
  );
  return rows[0]?.ms ?? Number.NaN;
}

/** Code that takes at least so long on this machine: scripts see no time while they compute. */
function burning(ms: number): string {
  const code = (rounds: number) => `for (let i = 0, x = 1; i < ${rounds}; i++) x = (x * 31 + i) | 0;`;
  const TRIAL = 100_000_000;
  const begun = performance.now();
  new Function(code(TRIAL))();
  return code(Math.ceil((TRIAL * ms) / (performance.now() - begun)));
}
