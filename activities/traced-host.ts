import type { CallContext, Host, HostAnswer } from '../contract/host.ts';
import type { Tracing } from '../contract/tracing.ts';

/**
 * The Host with a span for each call of the script that is made, not remembered. Calls come through a pipe, which knows
 * nothing of the activity they belong to: so it is told here. `over` ends the spans of calls that suspend their run.
 */
export function traceHost(tracing: Tracing, host: Host, over: AbortSignal): Host {
  if (!tracing.isOn) return host;
  const parent = tracing.current();
  const calls = Object.entries(host) as [string, (args: never, call: CallContext) => Promise<HostAnswer<unknown>>][];
  const traced = calls.map(([kind, make]): (typeof calls)[number] => {
    if (kind === 'log') return [kind, make];
    const optionsOf = ({ number }: CallContext) => ({ parent, until: over, attributes: { 'nango.call': number } });
    return [kind, (args, call) => tracing.span(`nango.${kind}`, optionsOf(call), () => make(args, call))];
  });
  return Object.fromEntries(traced) as Host;
}
