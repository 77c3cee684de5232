import type { Closing } from '../../runtime/closing.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { median } from '../load.ts';
import { openPlatform } from '../platform.ts';

const ROUNDS = 3;

/** From the command to an API that answers `/ready`, on the data of an earlier start; the median of three. */
export async function benchStart(closing: Closing, { say }: BenchOptions): Promise<Figures> {
  const { start } = await openPlatform(closing);
  const first = await start();
  say(`first start, with the data to be made: ${first.readyMs.toFixed(0)} ms`);
  await first.stop();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { readyMs, stop } = await start();
    times.push(readyMs);
    say(`start ${round + 1}: ${readyMs.toFixed(0)} ms`);
    await stop();
  }
  return { ready_ms: median(times) };
}
