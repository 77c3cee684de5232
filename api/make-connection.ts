import type { Granted } from '../contract/credentials.ts';
import { EngineError } from '../contract/failures.ts';
import { addMissingSyncs } from '../store/missing-syncs.ts';
import { announceAuth } from '../store/auth-webhooks.ts';
import {
  acceptConnection,
  type Connection,
  connectionById,
  discardConnection,
  type EndUser,
  refuseCredentials,
  saveConnection,
} from '../store/connections.ts';
import { type Queryable, withTransaction } from '../store/db.ts';
import { forgetFailures } from '../store/back-off.ts';
import type { Environment } from '../store/environments.ts';
import { lockDeployedSyncs } from '../store/locks.ts';
import type { ApiDeps } from './deps.ts';
import { allocateEvent, awaitEvents, type EventRun, startEvents } from './events.ts';
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

type Saved = { readonly connection: Connection; readonly created: boolean };
type Made = Saved & { readonly deliveries: readonly string[]; readonly events: readonly EventRun[] };

/**
 * Saves the connection, or renews one of that id, together with the deployed syncs it lacks and their first runs, and
 * lets Temporal hear of it. The one place where connections come to be, however their credentials came.
 * @throws EngineError `connection_validation_failed` when a validate-connection script refuses it: a new one is gone
 * then, one that was there has to be signed in again.
 */
export async function makeConnection(
  deps: ApiDeps,
  environment: Environment,
  wanted: NewConnection,
): Promise<{ readonly connection: Connection; readonly created: boolean }> {
  const begun = await withTransaction(deps.db, async (db) => {
    await lockDeployedSyncs(db, environment.id, 'reader');
    const saved = await save(db, deps, environment, wanted);
    const checks = await allocateEvent(db, deps, environment, { ...saved, event: 'validate-connection' });
    return { saved, checks, made: checks.length > 0 ? undefined : await settle(db, deps, environment, saved) };
  });
  const made = begun.made ?? (await validate(deps, environment, begun.saved, begun.checks));
  await tellEngine(deps, { connectionRow: made.connection.id });
  // The scripts first: what they set up is there, or on its way, when the application hears of the connection.
  await startEvents(deps, made.events);
  await startDeliveries(deps, made.deliveries);
  deps.log(made.created ? 'connection.created' : 'connection.renewed', {
    environment: environment.name,
    integration: made.connection.providerConfigKey,
    connection: made.connection.connectionId,
  });
  return made;
}

/** Saves what a script may have to look at first, which is why a new connection is not shown yet. */
async function save(db: Queryable, deps: ApiDeps, environment: Environment, wanted: NewConnection): Promise<Saved> {
  const { granted } = wanted;
  const saved = await saveConnection(db, {
    ...wanted,
    environmentId: environment.id,
    sealedCredentials: deps.box.seal(JSON.stringify(granted.credentials)),
    connectionConfig: { ...wanted.connectionConfig, ...granted.connectionConfig },
    metadata: wanted.metadata,
    expiresAt: granted.expiresAt,
    refreshAt: granted.refreshAt,
    accepted: false,
    at: deps.clock(),
  });
  return { connection: await reread(db, saved.id), created: saved.created };
}

/** Everything that follows from a connection that is accepted. */
async function settle(db: Queryable, deps: ApiDeps, environment: Environment, saved: Saved): Promise<Made> {
  const { id } = saved.connection;
  const created = await acceptConnection(db, id);
  await addMissingSyncs(db, deps, { environmentId: environment.id, connectionRow: id });
  // What made its syncs fail may have been the credentials that are replaced.
  if (!created) await forgetFailures(db, { connectionRows: [id] });
  const connection = await reread(db, id);
  const deliveries = await announceAuth(db, {
    connectionRow: id,
    operation: created ? 'creation' : 'override',
    authMode: authModeOf(deps, connection),
    at: deps.clock(),
  });
  const events = created
    ? await allocateEvent(db, deps, environment, { connection, event: 'post-connection-creation' })
    : [];
  return { connection, created, deliveries, events };
}

async function validate(
  deps: ApiDeps,
  environment: Environment,
  saved: Saved,
  checks: readonly EventRun[],
): Promise<Made> {
  const failed = await awaitEvents(deps, checks);
  if (failed === undefined) {
    return withTransaction(deps.db, async (db) => {
      await lockDeployedSyncs(db, environment.id, 'reader');
      return settle(db, deps, environment, saved);
    });
  }
  const { id, connectionId } = saved.connection;
  const error = new EngineError(
    'connection_validation_failed',
    `Connection '${connectionId}' was not accepted by script '${failed.script}': ${failed.failure.message}`,
  );
  if (await discardConnection(deps.db, id)) throw error;
  const deliveries = await withTransaction(deps.db, async (db) => {
    const at = deps.clock();
    await refuseCredentials(db, { id, error: error.message, at });
    const told = { type: error.code, description: error.message };
    const authMode = authModeOf(deps, saved.connection);
    return announceAuth(db, { connectionRow: id, operation: 'override', authMode, error: told, at });
  });
  await tellEngine(deps);
  await startDeliveries(deps, deliveries);
  throw error;
}

async function reread(db: Queryable, id: string): Promise<Connection> {
  const connection = await connectionById(db, id);
  if (connection === undefined) throw new EngineError('internal', 'A connection that was just saved is not there');
  return connection;
}

function authModeOf({ box }: ApiDeps, connection: Connection): string {
  return String(JSON.parse(box.open(connection.sealedCredentials)).type);
}

async function startDeliveries(deps: ApiDeps, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await deps.engine.startDelivery(id).catch((error: unknown) => {
      // The row is there: the sweep of reconcile starts it.
      deps.log('webhook.postponed', { delivery: id, error: error instanceof Error ? error.message : String(error) });
    });
  }
}
