import { Router } from 'express';
import { RECONCILE } from '../../contract/engine.ts';
import type { ApiDeps } from '../deps.ts';

/** What an operator or a load balancer asks without a key. */
export function healthRoutes(deps: ApiDeps): Router {
  const router = Router({ caseSensitive: true });
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
  router.get('/ready', async (_request, response) => {
    const [store, engine] = await Promise.all([
      deps.db.query('select 1').then(isWell, isIll),
      // Any question will do: Temporal answers it or is out of reach.
      deps.engine.nextRunAt(RECONCILE.scheduleId).then(isWell, isIll),
    ]);
    const ready = store === 'ok' && engine === 'ok';
    response.status(ready ? 200 : 503).json({ result: ready ? 'ok' : 'not ready', store, engine });
  });
  return router;
}

const isWell = () => 'ok';
const isIll = () => 'out of reach';
