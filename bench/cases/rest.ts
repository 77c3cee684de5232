import { setTimeout as delay } from 'node:timers/promises';
import type { Closing } from '../../runtime/closing.ts';
import { measureTree, total } from '../memory.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { openPlatform } from '../platform.ts';

const MEASURE_MS = 30_000;

/** Memory and processor of `npm start` with its Postgres and Temporal, some time after the start, when nothing happens. */
export async function benchRest(closing: Closing, { idle, say }: BenchOptions): Promise<Figures> {
  const { start } = await openPlatform(closing);
  const { pid } = await start();
  await delay(idle * 1000);
  const [before, begun] = [total(measureTree(pid)), performance.now()];
  await delay(MEASURE_MS);
  const parts = measureTree(pid);
  const after = total(parts);
  for (const { command, pssMib } of parts) say(`${pssMib.toFixed(1).padStart(8)} MiB  ${command.slice(0, 100)}`);
  const elapsedS = (performance.now() - begun) / 1000;
  return { pss_mib: after.pssMib, cpu_percent: ((after.cpuSeconds - before.cpuSeconds) / elapsedS) * 100 };
}
