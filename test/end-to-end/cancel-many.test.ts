/** Cancellations among several workers, and without any. */
import { expect, test } from '@jest/globals';
import { connect, endedRun, PROVIDERS, trigger, type WorkerProcess } from '../../bench/chaos/theatre.ts';
import { call } from '../../platform/example.ts';
import { useTheatre } from '../support/theatre.ts';
import { until } from '../support/until.ts';

const stage = useTheatre({ workers: 3 });
const ENDS_WITHIN_MS = 120_000;
/** Ten seconds are what the report asks for; a busy machine adds to any wait. */
const STOPS_WITHIN_MS = 10_000 + 20_000;
const SOURCE = `
export default async function fetchData(nango: any) {
  for (;;) await nango.get({ endpoint: '/pages/1', params: { count: 1 } });
}`;

const seen = new Set<WorkerProcess | undefined>();

async function deploy(connections: readonly string[]): Promise<void> {
  await call(stage.theatre.caller, 'POST', '/integrations', { unique_key: 'many', provider: PROVIDERS.plain }, [409]);
  for (const connection of connections) await connect(stage.theatre, 'many', connection);
  await stage.theatre.deploy('many', { name: 'endless', source: SOURCE });
}
const begin = (connection: string) => trigger(stage.theatre, { integration: 'many', connection, name: 'endless' });
const cancel = (runId: string) => call<unknown>(stage.theatre.caller, 'POST', `/runs/${runId}/cancel`);

async function untilBegun(runIds: readonly string[]): Promise<void> {
  await until('attempt of each', () => runIds.every((runId) => stage.theatre.attemptOf(runId)));
}

test('U072: thirty runs on three workers are cancelled, whichever worker has them', async () => {
  const connections = Array.from({ length: 30 }, (_, n) => `c${n}`);
  await deploy(connections);
  const runIds = await Promise.all(connections.map(begin));
  await untilBegun(runIds);
  for (const runId of runIds) seen.add(stage.theatre.attemptOf(runId)?.worker);
  // All of them, since the next test ends those that were seen.
  expect(seen.size).toBe(3);
  const begun = performance.now();
  await Promise.all(runIds.map(cancel));
  const runs = await Promise.all(runIds.map((runId) => endedRun(stage.theatre, runId, ENDS_WITHIN_MS)));
  expect(performance.now() - begun).toBeLessThan(STOPS_WITHIN_MS);
  expect(runs.map(({ state }) => state)).toEqual(runs.map(() => 'cancelled'));
}, 300_000);

test('U069: a run whose worker was killed is cancelled while no worker is there, and its sync is free', async () => {
  const runId = await begin('c0');
  await untilBegun([runId]);
  for (const worker of seen) worker?.signal('SIGKILL');
  await cancel(runId);
  await stage.theatre.startWorker();
  expect(await endedRun(stage.theatre, runId, ENDS_WITHIN_MS)).toMatchObject({ state: 'cancelled' });
  const next = await begin('c0');
  expect(next).not.toBe(runId);
  await untilBegun([next]);
  await cancel(next);
  expect(await endedRun(stage.theatre, next, ENDS_WITHIN_MS)).toMatchObject({ state: 'cancelled' });
}, 300_000);
