import { Router } from 'express';
import { z } from 'zod';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { createReadiness, isReady, PARTS } from '../readiness.ts';
import type { Route } from '../route.ts';

/** What an operator or a load balancer asks without a key. */
export function healthRoutes(deps: ApiDeps, route: Route<object>): Router {
  const router = Router({ caseSensitive: true });
  const readinessOf = createReadiness(deps);
  router.get('/', (_request, response) => {
    const links = {
      health: '/health',
      ready: '/ready',
      providers: '/providers',
      temporal_ui: deps.temporalUi ?? undefined,
    };
    response.json({ name: 'nango-temporal', version: deps.version, links });
  });
  router.get('/health', (_request, response) => {
    response.json({ result: 'ok' });
  });
  router.get(
    '/ready',
    route({
      query: z.strictObject({ parts: Parts.optional() }),
      handle: async ({ query }) => {
        const lines = await readinessOf(query.parts ?? PARTS);
        return isReady(lines) ? json({ result: 'ok', ...lines }) : json({ result: 'not ready', ...lines }, 503);
      },
    }),
  );
  return router;
}

/** Those that count, for one that asks less: a load balancer must not take APIs away because the workers are gone. */
const Parts = z
  .string()
  .transform((text) => [...new Set(text.split(','))])
  .pipe(z.array(z.enum(PARTS)));
