import { EngineError } from '../contract/failures.ts';
import type { Environment } from '../store/environments.ts';
import { listScripts } from '../store/scripts.ts';
import { listSyncs, type Sync } from '../store/syncs.ts';
import type { ApiDeps } from './deps.ts';
import { knownConnection, knownIntegration, plural } from './known.ts';

export type SyncName = { readonly name: string; readonly variant: string };
export type SyncSelection = {
  readonly providerConfigKey: string;
  /** All connections of the integration when undefined. */
  readonly connectionId: string | undefined;
  /** All syncs when empty. */
  readonly names: readonly SyncName[];
};

/** The variant a name without one means. */
const BASE_VARIANT = 'base';

/** `name` or `name::variant`. */
export function parseSyncName(text: string): SyncName {
  const [name = '', variant = BASE_VARIANT] = text.split('::', 2);
  return { name, variant };
}

/**
 * The syncs a request is about. A sync that is deployed but has no connection yet is simply absent.
 * @throws EngineError naming everything that is unknown: integration, connection or syncs.
 */
export async function selectSyncs(
  { db }: Pick<ApiDeps, 'db'>,
  environment: Environment,
  { providerConfigKey, connectionId, names }: SyncSelection,
): Promise<Sync[]> {
  if (connectionId === undefined) await knownIntegration(db, environment, providerConfigKey);
  else await knownConnection(db, environment, { providerConfigKey, connectionId });
  const all = await listSyncs(db, {
    environmentId: environment.id,
    providerConfigKey,
    connectionId: connectionId ?? null,
    names: names.length === 0 ? null : names.map(({ name }) => name),
  });
  if (names.length === 0) return all;
  const chosen = all.filter((sync) => names.some((wanted) => matches(sync, wanted)));
  const missing = names.filter((wanted) => !chosen.some((sync) => matches(sync, wanted)));
  if (missing.length > 0) await checkDeployed({ db }, environment, providerConfigKey, missing);
  return chosen;
}

function matches(sync: Sync, { name, variant }: SyncName): boolean {
  return sync.name === name && sync.variant === variant;
}

async function checkDeployed(
  { db }: Pick<ApiDeps, 'db'>,
  environment: Environment,
  providerConfigKey: string,
  wanted: readonly SyncName[],
): Promise<void> {
  const scripts = await listScripts(db, environment.id);
  const deployed = scripts
    .filter((script) => script.kind === 'sync' && script.providerConfigKey === providerConfigKey)
    .map((script) => script.name);
  const unknown = wanted
    .filter(({ name, variant }) => variant !== BASE_VARIANT || !deployed.includes(name))
    .map(({ name, variant }) => (variant === BASE_VARIANT ? name : `${name}::${variant}`));
  if (unknown.length === 0) return;
  const known =
    deployed.length === 0 ? 'none is deployed' : `deployed are ${deployed.map((name) => `'${name}'`).join(', ')}`;
  throw new EngineError(
    'unknown_sync',
    `Unknown ${plural('sync', unknown)} of integration '${providerConfigKey}': ${known}.`,
  );
}
