import { type Request, Router } from 'express';
import type { ApiDeps } from '../deps.ts';

/**
 * Times every request by its route and status, so it is mounted first; and answers `GET /metrics` for Prometheus where
 * those have no port of their own.
 */
export function metricsRoutes({ metrics, servesMetrics }: ApiDeps, pathOf: (request: Request) => string): Router {
  const router = Router({ caseSensitive: true });
  router.use((request, response, next) => {
    const begun = performance.now();
    response.once('close', () => {
      // A path that no route has is one label: strangers must not make more of them.
      const route = request.route === undefined && request.baseUrl === '' ? 'none' : pathOf(request);
      const { method } = request;
      metrics.requestEnded({ method, route, status: String(response.statusCode) }, (performance.now() - begun) / 1_000);
    });
    next();
  });
  if (servesMetrics)
    router.get('/metrics', async (_request, response) => {
      response.set('content-type', metrics.contentType).end(await metrics.text());
    });
  return router;
}
