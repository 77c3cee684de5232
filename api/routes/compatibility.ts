import { Router } from 'express';
import { z } from 'zod';
import { nothing } from '../answer.ts';
import type { Route } from '../route.ts';

/** Routes that published clients call and that have nothing behind them yet. */
export function compatibilityRoutes(route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.post('/cli/telemetry', route({ body: z.unknown(), handle: async () => nothing }));
  return router;
}
