import { setTimeout as delay } from 'node:timers/promises';
import type { Closing } from '../../runtime/closing.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { openCrowd } from '../crowd.ts';

/** The API says to come again in an hour, so the run is suspended. */
const WAITING = `
export default async function fetchData(nango: any) {
  await nango.get({ endpoint: '/pages/1', params: { refuse: 3600 }, retries: 1 });
}`;
const WARM_UP = `
export default async function fetchData(nango: any) {
  await nango.get({ endpoint: '/pages/0', retries: 1 });
}`;
const SECONDS_PER_SYNC = 2;

/** Syncs that all wait for a rate limit, and what their worker holds meanwhile beside the same worker at rest. */
export async function benchWaiting(closing: Closing, { syncs, idle, say }: BenchOptions): Promise<Figures> {
  const crowd = await openCrowd(closing, { connections: syncs, scripts: { warmup: WARM_UP, waiting: WAITING } });
  const withinS = 60 + syncs * SECONDS_PER_SYNC;
  const fresh = crowd.memory();
  // What so many runs leave in a worker's heap, and what it loads with the first of them, is no cost of waiting.
  await crowd.triggerFirst('warmup', syncs);
  await crowd.untilNone(['queued', 'running'], withinS);
  await delay(idle * 1000);
  const [restKept, rest] = [crowd.memory(), await crowd.memoryInUse()];
  say(`at rest after ${syncs} runs: ${rest.pssMib.toFixed(1)} MiB in ${rest.processes} processes`);
  const begun = performance.now();
  await crowd.triggerFirst('waiting', syncs);
  await crowd.untilNone(['queued', 'running'], withinS);
  const seconds = (performance.now() - begun) / 1000;
  await delay(idle * 1000);
  const [waitingKept, counts, waiting] = [crowd.memory(), await crowd.states(), await crowd.memoryInUse()];
  say(`${counts['waiting'] ?? 0} of ${syncs} wait: ${waiting.pssMib.toFixed(1)} MiB in ${waiting.processes} processes`);
  return {
    syncs,
    waiting: counts['waiting'] ?? 0,
    begun_per_s: syncs / seconds,
    fresh_mib: fresh.pssMib,
    rest_mib: rest.pssMib,
    waiting_mib: waiting.pssMib,
    growth_mib: waiting.pssMib - rest.pssMib,
    // With pages that V8 has freed and not given back yet.
    rest_kept_mib: restKept.pssMib,
    waiting_kept_mib: waitingKept.pssMib,
    rest_processes: rest.processes,
    waiting_processes: waiting.processes,
  };
}
