import { isDeepStrictEqual } from 'node:util';
import type { Closing } from '../../runtime/closing.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { CUT_SOURCE, cutWhile, leftOf, WHOLE } from '../cuts/story.ts';
import { openDurableStage } from '../durable-stage.ts';

const SEEDS = 100;

/** Runs whose connections to Postgres are cut at random moments, each checked for what it left and what it posted. */
export async function benchCuts(closing: Closing, { say }: BenchOptions): Promise<Figures> {
  const { runs, other, upstreamUrl } = await openDurableStage(closing, 'bench/cuts/upstream.ts');
  const { counts, live, logs, posts } = WHOLE;
  let [differing, cuts, slowestS] = [0, 0, 0];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const connection = `cut-${seed}`;
    const runId = await runs.allocate(await runs.deploy({ name: connection, source: CUT_SOURCE, connection }));
    const begun = performance.now();
    const { cut } = await cutWhile(other, seed, () => runs.finish(runId));
    slowestS = Math.max(slowestS, (performance.now() - begun) / 1000);
    cuts += cut;
    const left = await leftOf(other, runId);
    const made: unknown = await (await fetch(`${upstreamUrl}/__posts`)).json();
    const isWhole = isDeepStrictEqual(left, { state: 'success', counts, live, counted: live, logs });
    if (seed % 10 === 0) say(`${seed} runs, ${cuts} connections cut, the slowest run took ${slowestS.toFixed(1)} s`);
    if (isWhole && isDeepStrictEqual(made, posts)) continue;
    differing += 1;
    say(`seed ${seed}: ${JSON.stringify({ left, made })}`);
  }
  return { seeds: SEEDS, connections_cut: cuts, differing, slowest_run_s: slowestS };
}
