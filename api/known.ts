/** Finding what a request names, or failing with a 404 that repeats the name. */
import { EngineError } from '../contract/failures.ts';
import { type Connection, findConnection } from '../store/connections.ts';
import type { Queryable } from '../store/db.ts';
import type { Environment } from '../store/environments.ts';
import { findIntegration, type Integration } from '../store/integrations.ts';

export type ConnectionAddress = { readonly providerConfigKey: string; readonly connectionId: string };

/** @throws EngineError `unknown_provider_config`. */
export async function knownIntegration(db: Queryable, environment: Environment, key: string): Promise<Integration> {
  const integration = await findIntegration(db, environment.id, key);
  if (integration === undefined) throw unknownIntegrations(environment, [key]);
  return integration;
}

/** @throws EngineError `unknown_connection`, or `unknown_provider_config` when already the integration is missing. */
export async function knownConnection(
  db: Queryable,
  environment: Environment,
  address: ConnectionAddress,
): Promise<Connection> {
  const connection = await findConnection(db, { environmentId: environment.id, ...address });
  if (connection !== undefined) return connection;
  await knownIntegration(db, environment, address.providerConfigKey);
  throw unknownConnections(address.providerConfigKey, [address.connectionId]);
}

export function unknownIntegrations(environment: Environment, keys: readonly string[]): EngineError {
  return new EngineError(
    'unknown_provider_config',
    `Unknown ${plural('integration', keys)} in environment '${environment.name}': GET /integrations lists them, POST /integrations creates one.`,
  );
}

export function unknownConnections(providerConfigKey: string, ids: readonly string[]): EngineError {
  return new EngineError(
    'unknown_connection',
    `Unknown ${plural('connection', ids)} of integration '${providerConfigKey}': GET /connections lists them.`,
  );
}

export function unknownRun(id: string): EngineError {
  return new EngineError('unknown_run', `Unknown run '${id}': GET /runs lists the newest.`);
}

/** `thing 'a'` or `things 'a', 'b'`. */
export function plural(thing: string, names: readonly string[]): string {
  return `${thing}${names.length === 1 ? '' : 's'} ${names.map((name) => `'${name}'`).join(', ')}`;
}
