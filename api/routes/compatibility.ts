import { Router } from 'express';
import { nothing } from '../answer.ts';
import type { Route } from '../route.ts';

/** Routes that published clients call and that have nothing behind them yet. */
export function compatibilityRoutes(openRoute: Route<object>): Router {
  const router = Router({ caseSensitive: true });
  // Sent without a key, and nobody looks at it.
  router.post('/cli/telemetry', openRoute({ query: 'raw', handle: async () => nothing }));
  return router;
}
