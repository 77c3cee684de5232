import { randomUUID } from 'node:crypto';
import { Router } from 'express';
import { z } from 'zod';
import { addMissingSyncs } from '../../store/allocation.ts';
import { type Connection, deleteConnection, listConnections, saveConnection } from '../../store/connections.ts';
import { withTransaction } from '../../store/db.ts';
import type { Environment } from '../../store/environments.ts';
import { lockDeployedSyncs } from '../../store/locks.ts';
import { openWorkflows } from '../../store/runs.ts';
import { json } from '../answer.ts';
import { fullConnection, listedConnection } from '../connection-view.ts';
import { checkCredentials } from '../credentials.ts';
import type { ApiDeps } from '../deps.ts';
import { knownConnection, knownIntegration } from '../known.ts';
import type { Route } from '../route.ts';
import { commaList, connectionId, flag, integrationKey, jsonObject, knownName, wholeNumber } from '../schemas.ts';
import { cancelWorkflows, tellEngine } from '../tell-engine.ts';

const ID = z.object({ id: knownName });
const LIST = z.strictObject({
  connectionId: knownName.optional(),
  integrationId: commaList.optional(),
  limit: wholeNumber(1, 10_000).default(10_000),
  page: wholeNumber(0, 100_000).default(0),
});
const ONE = z.strictObject({
  provider_config_key: knownName,
  refresh_token: flag.optional(),
  // Tokens are not refreshed by the server yet: a caller who insists must not be told that one was.
  force_refresh: flag.refine((on) => !on, 'is not supported yet: expected false').optional(),
  refresh_github_app_jwt_token: flag.optional(),
});
const NEW_CONNECTION = z.strictObject({
  provider_config_key: integrationKey,
  connection_id: connectionId.optional(),
  credentials: z.record(z.string(), z.unknown()).optional(),
  metadata: jsonObject.optional(),
  connection_config: jsonObject.default({}),
});

export function connectionRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    ['/connections', '/connection'],
    route({
      query: LIST,
      handle: async ({ environment, query }) => {
        const connections = await listConnections(deps.db, {
          environmentId: environment.id,
          connectionId: query.connectionId ?? null,
          providerConfigKeys: query.integrationId ?? null,
          limit: query.limit,
          offset: query.page * query.limit,
        });
        return json({ connections: connections.map(listedConnection) });
      },
    }),
  );
  router.post(
    '/connections',
    route({
      body: NEW_CONNECTION,
      handle: async ({ environment, body }) => {
        const id = body.connection_id ?? randomUUID();
        const created = await createOrRenew(deps, environment, { ...body, connection_id: id });
        await tellEngine(deps);
        const address = { providerConfigKey: body.provider_config_key, connectionId: id };
        const connection = await knownConnection(deps.db, environment, address);
        return json(fullConnection(connection, deps.box), created ? 201 : 200);
      },
    }),
  );
  router.get(
    ['/connections/:id', '/connection/:id'],
    route({
      params: ID,
      query: ONE,
      handle: async ({ environment, params, query }) => {
        const address = { providerConfigKey: query.provider_config_key, connectionId: params.id };
        return json(fullConnection(await knownConnection(deps.db, environment, address), deps.box));
      },
    }),
  );
  router.delete(
    ['/connections/:id', '/connection/:id'],
    route({
      params: ID,
      query: z.strictObject({ provider_config_key: knownName }),
      handle: async ({ environment, params, query }) => {
        const address = { providerConfigKey: query.provider_config_key, connectionId: params.id };
        await remove(deps, await knownConnection(deps.db, environment, address));
        return json({ success: true });
      },
    }),
  );
  return router;
}

/** Saves the connection together with the deployed syncs it lacks and their first runs. True when it is new. */
async function createOrRenew(
  deps: ApiDeps,
  environment: Environment,
  body: z.output<typeof NEW_CONNECTION> & { readonly connection_id: string },
): Promise<boolean> {
  const integration = await knownIntegration(deps.db, environment, body.provider_config_key);
  const credentials = checkCredentials(deps.catalogue.get(integration.provider), body.credentials);
  return withTransaction(deps.db, async (db) => {
    await lockDeployedSyncs(db, environment.id, 'reader');
    const saved = await saveConnection(db, {
      environmentId: environment.id,
      integrationId: integration.id,
      connectionId: body.connection_id,
      sealedCredentials: deps.box.seal(JSON.stringify(credentials)),
      connectionConfig: body.connection_config,
      metadata: body.metadata,
      at: deps.clock(),
    });
    await addMissingSyncs(db, deps, { environmentId: environment.id, connectionRow: saved.id });
    return saved.created;
  });
}

async function remove(deps: ApiDeps, connection: Connection): Promise<void> {
  const workflows = await openWorkflows(deps.db, { connectionRow: connection.id });
  await deleteConnection(deps.db, connection.id);
  await cancelWorkflows(deps, workflows);
  await tellEngine(deps);
}
