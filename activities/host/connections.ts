import { EngineError } from '../../contract/failures.ts';
import type { ConnectionView, Host } from '../../contract/host.ts';
import { type Connection, connectionById, findConnection, writeMetadata } from '../../store/connections.ts';
import type { SecretBox } from '../../store/secret-box.ts';
import type { Dependencies } from '../dependencies.ts';
import { untilStored } from '../store-retry.ts';

type ConnectionCalls = Pick<Host, 'getConnection' | 'setMetadata' | 'updateMetadata'>;

/** Calls about the script's own connection, and reads of another one of the same environment. */
export function createConnectionCalls(deps: Dependencies, own: Connection, signal: AbortSignal): ConnectionCalls {
  const write = async (metadata: Readonly<Record<string, unknown>>, merge: boolean) => {
    await untilStored(() => writeMetadata(deps.db, { id: own.id, metadata, merge, at: deps.clock() }), signal);
    return { value: null };
  };
  return {
    getConnection: async ({ providerConfigKey, connectionId }) => {
      const other = providerConfigKey !== undefined || connectionId !== undefined;
      const found = await untilStored(
        () =>
          other
            ? findConnection(deps.db, {
                environmentId: own.environmentId,
                providerConfigKey: providerConfigKey ?? own.providerConfigKey,
                connectionId: connectionId ?? own.connectionId,
              })
            : connectionById(deps.db, own.id),
        signal,
      );
      if (found) return { value: viewOf(found, deps.box) };
      throw new EngineError(
        'unknown_connection',
        `getConnection: no connection '${connectionId ?? own.connectionId}' of integration '${providerConfigKey ?? own.providerConfigKey}'`,
      );
    },
    setMetadata: ({ metadata }) => write(metadata, false),
    updateMetadata: ({ metadata }) => write(metadata, true),
  };
}

/** The connection with its credentials opened, as scripts and the API see it. */
export function viewOf(connection: Connection, box: SecretBox): ConnectionView {
  return {
    id: Number(connection.id),
    connection_id: connection.connectionId,
    provider_config_key: connection.providerConfigKey,
    provider: connection.provider,
    connection_config: connection.connectionConfig,
    metadata: connection.metadata,
    credentials: JSON.parse(box.open(connection.sealedCredentials)),
    created_at: connection.createdAt.toISOString(),
    updated_at: connection.updatedAt.toISOString(),
  };
}
