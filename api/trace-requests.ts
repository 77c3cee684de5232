import type { Request, RequestHandler } from 'express';
import type { Tracing } from '../contract/tracing.ts';

/** Does each request in a span of its own, which goes on with the caller's trace where the caller has one. */
export function traceRequests(tracing: Tracing, pathOf: (request: Request) => string): RequestHandler {
  return (request, response, next) => {
    const { method } = request;
    const attributes = { 'http.request.method': method };
    const parent = request.get('traceparent');
    void tracing.span(method, { kind: 'server', attributes, parent }, async (span) => {
      const closed = new Promise<void>((resolve) => response.once('close', resolve));
      next();
      await closed;
      const route = request.route === undefined && request.baseUrl === '' ? 'none' : pathOf(request);
      span.rename(`${method} ${route}`);
      span.set({ 'http.route': route, 'http.response.status_code': response.statusCode });
    });
  };
}
