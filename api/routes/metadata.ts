import { Router } from 'express';
import { z } from 'zod';
import { type Connection, findConnection, writeMetadata } from '../../store/connections.ts';
import { withTransaction } from '../../store/db.ts';
import type { Environment } from '../../store/environments.ts';
import { json } from '../answer.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidPart } from '../invalid.ts';
import { knownIntegration, unknownConnections } from '../known.ts';
import type { Route } from '../route.ts';
import { jsonObject, knownName } from '../schemas.ts';

const CHANGE = z.strictObject({
  connection_id: z.union([knownName, z.array(knownName).min(1).max(1_000)], {
    error: "expected a connection's id or a list of them",
  }),
  provider_config_key: knownName,
  metadata: jsonObject,
});

/** POST replaces the metadata of one or many connections, PATCH merges into it; all of them or none. */
export function metadataRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  for (const [method, merge, status] of [['post', false, 201] as const, ['patch', true, 200] as const]) {
    router[method](
      ['/connections/metadata', '/connection/metadata'],
      route({
        body: CHANGE,
        handle: async ({ environment, body }) => {
          await writeAll(deps, environment, body, merge);
          return json(body, status);
        },
      }),
    );
    // As clients of early 2023 ask: the body is the metadata.
    router[method](
      '/connection/:id/metadata',
      route({
        params: z.object({ id: knownName }),
        query: z.strictObject({ provider_config_key: knownName.optional() }),
        headers: z.object({ 'provider-config-key': knownName.optional() }),
        body: jsonObject,
        handle: async ({ environment, params, query, headers, body }) => {
          const key = query.provider_config_key ?? headers['provider-config-key'];
          if (key === undefined) throw missingKey();
          const change = { connection_id: params.id, provider_config_key: key, metadata: body };
          await writeAll(deps, environment, change, merge);
          return json(body, status);
        },
      }),
    );
  }
  return router;
}

function missingKey() {
  const message = 'expected an integration, here or in the header Provider-Config-Key';
  return invalidPart('invalid_query_params', 'query', [{ code: 'missing', message, path: ['provider_config_key'] }]);
}

async function writeAll(
  deps: ApiDeps,
  environment: Environment,
  change: z.output<typeof CHANGE>,
  merge: boolean,
): Promise<void> {
  const key = change.provider_config_key;
  const ids = [...new Set([change.connection_id].flat())];
  await knownIntegration(deps.db, environment, key);
  await withTransaction(deps.db, async (db) => {
    const found: Connection[] = [];
    const unknown: string[] = [];
    for (const connectionId of ids) {
      const connection = await findConnection(db, {
        environmentId: environment.id,
        providerConfigKey: key,
        connectionId,
      });
      if (connection === undefined) unknown.push(connectionId);
      else found.push(connection);
    }
    if (unknown.length > 0) throw unknownConnections(key, unknown);
    // In one order, so that two changes of the same connections cannot wait for each other.
    found.sort((a, b) => Number(a.id) - Number(b.id));
    for (const { id } of found) await writeMetadata(db, { id, metadata: change.metadata, merge, at: deps.clock() });
  });
}
