import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { clientMetadata } from '../../outbound/auth/registration.ts';
import { integrationOfAddress } from '../../store/inbound-webhooks.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { clientMetadataUrl } from '../own-client.ts';
import type { Route } from '../route.ts';
import { knownName } from '../schemas.ts';

/** What authorization servers read that know clients by their address. */
export function clientMetadataRoutes(deps: ApiDeps, route: Route<object>): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/oauth/client-metadata/:environment/:key',
    route({
      params: z.object({ environment: z.uuid(), key: knownName }),
      handle: async ({ params }) => {
        const address = { publicId: params.environment, providerConfigKey: params.key };
        if ((await integrationOfAddress(deps.db, address)) === undefined) {
          throw new EngineError('not_found', 'No integration has this address.');
        }
        return json({
          client_id: clientMetadataUrl(deps, params.environment, params.key),
          ...clientMetadata(deps.callbackUrl()),
          token_endpoint_auth_method: 'none',
        });
      },
    }),
  );
  return router;
}
