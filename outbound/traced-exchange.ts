import type { Tracing } from '../contract/tracing.ts';
import type { Exchange } from './exchange.ts';

/**
 * The exchange with a span for each request to an API, up to the head of its answer. Of the address only the host is
 * written down: paths and queries may hold secrets. `tellsUpstream`: the API gets a `traceparent`, and may go on with it.
 */
export function traceExchange(exchange: Exchange, tracing: Tracing, tellsUpstream: boolean): Exchange {
  if (!tracing.isOn) return exchange;
  return {
    ...exchange,
    attempt: (request, signal) => {
      const { method, url } = request;
      const attributes = { 'http.request.method': method, 'server.address': url.hostname, 'server.port': portOf(url) };
      return tracing.span(`${method} ${url.hostname}`, { kind: 'client', attributes }, async (span) => {
        const tells = tellsUpstream && span.traceparent !== undefined;
        const headers = tells ? { ...request.headers, traceparent: span.traceparent } : request.headers;
        const answer = await exchange.attempt({ ...request, headers }, signal);
        span.set({ 'http.response.status_code': answer.status });
        return answer;
      });
    },
  };
}

function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}
