import { setTimeout as delay } from 'node:timers/promises';
import type { Closing } from '../../runtime/closing.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import type { Asked } from '../chaos/upstream.ts';
import { openCrowd } from '../crowd.ts';
import { watchProcessorTime } from '../processor-time.ts';

const UPSTREAM_MS = 200;
const WARM_UP_SYNCS = 20;
const SECONDS_PER_SYNC = 5;
/** Asking the kernel for the memory of a dozen processes costs a tenth of a second. */
const SAMPLE_EVERY_MS = 3000;

/** Each reads pages one after the other, as long as the upstream alone would take `seconds` for them. */
const reading = (pages: number): string => `
export default async function fetchData(nango: any) {
  for (let page = 0; page < ${pages}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, params: { slow: ${UPSTREAM_MS} } });
    await nango.batchSave(data.rows, 'Task');
  }
}`;

/** Syncs at once on one worker against an upstream that takes 200 ms: how much of its limit they reach, what each holds. */
export async function benchConcurrency(
  closing: Closing,
  { syncs, seconds, idle, say }: BenchOptions,
): Promise<Figures> {
  const pages = Math.ceil((seconds * 1000) / UPSTREAM_MS);
  const crowd = await openCrowd(closing, {
    connections: syncs,
    scripts: { warmup: reading(1), reading: reading(pages) },
  });
  const withinS = 60 + seconds + syncs * SECONDS_PER_SYNC;
  await crowd.triggerFirst('warmup', Math.min(syncs, WARM_UP_SYNCS));
  await crowd.untilNone(['queued', 'running'], withinS);
  await delay(idle * 1000);
  const rest = crowd.memory();
  const processorTime = watchProcessorTime();
  const from = performance.now();
  const ids = await crowd.triggerFirst('reading', syncs);
  let peak = rest;
  const sampling = setInterval(() => {
    const sample = crowd.memory();
    if (sample.pssMib > peak.pssMib) peak = sample;
  }, SAMPLE_EVERY_MS);
  await crowd.untilNone(['queued', 'running'], withinS).finally(() => clearInterval(sampling));
  const cpu = processorTime();
  const elapsedS = (performance.now() - from) / 1000;
  const members = Array.from({ length: syncs }, (_, at) => crowd.theatre.upstream.askedBy(`member-${at}`));
  const asked = members.flat().filter(({ at }) => at > from);
  const [{ success = 0 }, atOnce] = [await crowd.states(), mostAtOnce(members, from)];
  const perS = steadyRate(asked);
  say(`${ids.length} syncs of ${pages} pages: ${elapsedS.toFixed(1)} s, ${atOnce} under way at once`);
  return {
    syncs,
    succeeded: success - Math.min(syncs, WARM_UP_SYNCS),
    at_once_max: atOnce,
    requests_per_s: perS,
    limit_percent: (perS / (syncs * (1000 / UPSTREAM_MS))) * 100,
    rest_mib: rest.pssMib,
    peak_mib: peak.pssMib,
    mib_per_running_sync: (peak.pssMib - rest.pssMib) / atOnce,
    seconds: elapsedS,
    ...Object.fromEntries(Object.entries(cpu).map(([part, ms]) => [`${part}_cpu_ms_per_page`, ms / asked.length])),
  };
}

/** Requests per second in the middle half of all: without the time in which they begin, and that in which they end. */
function steadyRate(asked: readonly Asked[]): number {
  const times = asked.map(({ at }) => at).sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
  return times.length / 2 / ((at(0.75) - at(0.25)) / 1000);
}

/** The most syncs that were between their first and their last request at one moment. */
function mostAtOnce(members: readonly (readonly Asked[])[], from: number): number {
  const changes = members.flatMap((asked) => {
    const times = asked.filter(({ at }) => at > from).map(({ at }) => at);
    return times.length === 0
      ? []
      : [
          { at: Math.min(...times), by: 1 },
          { at: Math.max(...times), by: -1 },
        ];
  });
  let [now, most] = [0, 0];
  for (const { by } of changes.sort((a, b) => a.at - b.at)) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
