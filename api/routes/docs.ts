import { type Express, Router } from 'express';
import { send } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { docsPage } from '../docs-page.ts';
import { openApiOf } from '../openapi.ts';

/** The description of this API, for tools and for people; both without a key. */
export function docsRoutes({ version, publicUrl }: Pick<ApiDeps, 'version' | 'publicUrl'>, app: Express): Router {
  const router = Router({ caseSensitive: true });
  const describe = () => openApiOf(app, { version, url: publicUrl() });
  router.get('/openapi.json', (_request, response) => {
    response.json(describe());
  });
  router.get('/docs/api', async (_request, response) => {
    await send(response, { kind: 'page', status: 200, html: docsPage(describe()) });
  });
  return router;
}
