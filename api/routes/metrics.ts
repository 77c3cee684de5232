import { type Request, Router } from 'express';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/**
 * `GET /metrics` for Prometheus: how long requests took, by route and status, and the process itself. Mounted first: it
 * times what comes after it.
 */
export function metricsRoutes(pathOf: (request: Request) => string): Router {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const durations = new Histogram({
    name: 'nango_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers: [registry],
  });
  const router = Router({ caseSensitive: true });
  router.use((request, response, next) => {
    const end = durations.startTimer();
    response.once('close', () => {
      // A path that no route has is one label: strangers must not make more of them.
      const route = request.route === undefined && request.baseUrl === '' ? 'none' : pathOf(request);
      end({ method: request.method, route, status: String(response.statusCode) });
    });
    next();
  });
  router.get('/metrics', async (_request, response) => {
    response.set('content-type', registry.contentType).end(await registry.metrics());
  });
  return router;
}
