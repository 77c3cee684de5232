import type { Closing } from '../../runtime/closing.ts';
import { type Load, load, median } from '../load.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { startScript } from '../process.ts';
import { watchProcessorTime } from '../processor-time.ts';
import { connect, connectionHeaders, deploy, openStage } from '../stage.ts';

const SOURCE = 'export default async function runAction(nango: any, input: any) { return { received: input }; }';
const REQUESTS_ALONE = 500;
const WARM_UP = 100;
// In turns, so that a machine that is busy for a while slows both.
const ROUNDS = 3;

/** Actions that answer their input, over REST, with what each part computes for one, and the bare engine beside them. */
export async function benchActions(closing: Closing, { seconds, profile, say }: BenchOptions): Promise<Figures> {
  const stage = await openStage(closing, profile);
  await connect(stage, 'acme');
  await deploy(stage, { name: 'echo', type: 'action', source: SOURCE });
  const request = {
    url: `${stage.caller.apiUrl}/action/trigger`,
    method: 'POST',
    headers: { ...connectionHeaders(stage, 'acme'), 'content-type': 'application/json' },
    body: JSON.stringify({ action_name: 'echo', input: { text: 'hello' } }),
  };
  await load(request, { clients: 1, seconds, requests: WARM_UP, warmUp: 0 });
  const processorTime = watchProcessorTime();
  const alone = await load(request, { clients: 1, seconds, requests: REQUESTS_ALONE, warmUp: 0 });
  const parts = Object.entries(processorTime());
  say(`1 caller: ${alone.count} actions, ${alone.perS.toFixed(1)}/s`);
  const bare = await startScript('bench/bare/engine.ts', {
    closing,
    ready: /^listening on (\d+)$/,
    settings: { TEMPORAL_ADDRESS: stage.parts.temporal.address },
  });
  const bareEngine = async (callers: number, forSeconds: number): Promise<Load> => {
    const query = `callers=${callers}&seconds=${forSeconds}`;
    return (await (await fetch(`http://127.0.0.1:${bare.ready[1]}/?${query}`)).json()) as Load;
  };
  await bareEngine(20, 2);
  say(`bare engine, 1 caller: p50 ${(await bareEngine(1, 3)).p50Ms.toFixed(1)} ms`);
  const rates: { readonly platform: number; readonly bare: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const together = await load(request, { clients: 20, seconds: seconds / ROUNDS, warmUp: 20 });
    rates.push({ platform: together.perS, bare: (await bareEngine(20, seconds / ROUNDS)).perS });
    const { platform, bare } = rates[round] ?? { platform: 0, bare: 0 };
    say(`20 callers: platform ${platform.toFixed(1)}/s, bare engine ${bare.toFixed(1)}/s`);
  }
  return {
    action_p50_ms: alone.p50Ms,
    action_p99_ms: alone.p99Ms,
    actions_per_s_20: median(rates.map(({ platform }) => platform)),
    bare_per_s_20: median(rates.map(({ bare }) => bare)),
    ...Object.fromEntries(parts.map(([part, ms]) => [`${part}_cpu_ms_per_action`, ms / alone.count])),
  };
}
