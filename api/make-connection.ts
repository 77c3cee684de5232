import type { Granted } from '../contract/credentials.ts';
import { addMissingSyncs } from '../store/allocation.ts';
import { announceAuth } from '../store/auth-webhooks.ts';
import { type Connection, connectionById, type EndUser, saveConnection } from '../store/connections.ts';
import { withTransaction } from '../store/db.ts';
import type { Environment } from '../store/environments.ts';
import { lockDeployedSyncs } from '../store/locks.ts';
import { EngineError } from '../contract/failures.ts';
import type { ApiDeps } from './deps.ts';
import { tellEngine } from './tell-engine.ts';

export type NewConnection = {
  readonly integrationId: string;
  readonly connectionId: string;
  readonly granted: Granted;
  readonly connectionConfig: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly endUser?: EndUser | null | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly webhookUrlOverride?: string | null | undefined;
};

/**
 * Saves the connection, or renews one of that id, together with the deployed syncs it lacks and their first runs, and
 * lets Temporal hear of it. The one place where connections come to be, however their credentials came.
 */
export async function makeConnection(
  deps: ApiDeps,
  environment: Environment,
  wanted: NewConnection,
): Promise<{ readonly connection: Connection; readonly created: boolean }> {
  const { granted } = wanted;
  const made = await withTransaction(deps.db, async (db) => {
    await lockDeployedSyncs(db, environment.id, 'reader');
    const saved = await saveConnection(db, {
      ...wanted,
      environmentId: environment.id,
      sealedCredentials: deps.box.seal(JSON.stringify(granted.credentials)),
      connectionConfig: { ...wanted.connectionConfig, ...granted.connectionConfig },
      metadata: wanted.metadata,
      expiresAt: granted.expiresAt,
      refreshAt: granted.refreshAt,
      at: deps.clock(),
    });
    await addMissingSyncs(db, deps, { environmentId: environment.id, connectionRow: saved.id });
    const connection = await connectionById(db, saved.id);
    if (connection === undefined) throw new EngineError('internal', 'A connection that was just saved is not there');
    const deliveries = await announceAuth(db, {
      connectionRow: saved.id,
      operation: saved.created ? 'creation' : 'override',
      authMode: String(granted.credentials['type']),
      at: deps.clock(),
    });
    return { connection, created: saved.created, deliveries };
  });
  await tellEngine(deps);
  for (const id of made.deliveries) {
    await deps.engine.startDelivery(id).catch((error: unknown) => {
      // The row is there: the sweep of reconcile starts it.
      deps.log('webhook.postponed', { delivery: id, error: error instanceof Error ? error.message : String(error) });
    });
  }
  deps.log(made.created ? 'connection.created' : 'connection.renewed', {
    environment: environment.name,
    integration: made.connection.providerConfigKey,
    connection: made.connection.connectionId,
  });
  return made;
}
