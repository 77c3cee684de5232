import { setTimeout as delay } from 'node:timers/promises';
import { call } from '../../platform/example.ts';
import type { Closing } from '../../runtime/closing.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { median } from '../load.ts';
import { connect, deploy, INTEGRATION, openStage, type Run, type Stage } from '../stage.ts';

const ROUNDS = 10;
const SOURCE = `export default async function fetchData(nango: any) { await nango.log('looping'); for (;;) {} }`;
const WITHIN_S = 60;

type Logged = Run & { readonly logs: readonly unknown[] };

/** From `POST /runs/:id/cancel` until the run of a script in an endless loop has ended. */
export async function benchCancel(closing: Closing, { say }: BenchOptions): Promise<Figures> {
  const stage = await openStage(closing, undefined);
  await connect(stage, 'acme');
  await deploy(stage, { name: 'endless', type: 'sync', source: SOURCE });
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const body = { syncs: ['endless'], provider_config_key: INTEGRATION, connection_id: 'acme' };
    const { runs } = await call<{ runs: { run_id: string }[] }>(stage.caller, 'POST', '/sync/trigger', body);
    const runId = runs[0]?.run_id ?? '';
    await until(stage, runId, ({ logs }) => logs.length > 0);
    const begun = performance.now();
    await call(stage.caller, 'POST', `/runs/${runId}/cancel`);
    await until(stage, runId, ({ state }) => state === 'cancelled');
    times.push(performance.now() - begun);
    say(`cancelled after ${times.at(-1)?.toFixed(0)} ms`);
  }
  return { cancel_ms: median(times), cancel_ms_max: Math.max(...times) };
}

async function until({ caller }: Stage, runId: string, is: (run: Logged) => boolean): Promise<void> {
  for (const deadline = performance.now() + WITHIN_S * 1_000; ; await delay(10)) {
    const run = await call<Logged>(caller, 'GET', `/runs/${runId}`);
    if (is(run)) return;
    if (performance.now() > deadline) throw new Error(`Run ${runId} is ${run.state} after ${WITHIN_S} s`);
  }
}
