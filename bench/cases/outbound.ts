import type { Closing } from '../../runtime/closing.ts';
import { load } from '../load.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { connect, connectionHeaders, openStage } from '../stage.ts';

const REQUESTS_ALONE = 2000;
const WARM_UP = 500;

/** The same small call straight to the upstream and through /proxy. */
export async function benchOutbound(closing: Closing, { seconds, profile, say }: BenchOptions): Promise<Figures> {
  const stage = await openStage(closing, profile);
  await connect(stage, 'acme');
  const direct = { url: `${stage.upstreamUrl}/ping` };
  const proxied = { url: `${stage.caller.apiUrl}/proxy/ping`, headers: connectionHeaders(stage, 'acme') };
  const alone = { clients: 1, seconds, requests: REQUESTS_ALONE, warmUp: WARM_UP };
  const straight = await load(direct, alone);
  const through = await load(proxied, alone);
  say(`1 caller, p50: straight ${straight.p50Ms.toFixed(2)} ms, through /proxy ${through.p50Ms.toFixed(2)} ms`);
  const together = await load(proxied, { clients: 20, seconds, warmUp: WARM_UP });
  say(`20 callers: p50 ${together.p50Ms.toFixed(1)} ms, p99 ${together.p99Ms.toFixed(1)} ms`);
  return { proxy_overhead_p50_ms: through.p50Ms - straight.p50Ms, proxy_per_s_20: together.perS };
}
