import { EngineError } from '../../contract/failures.ts';
import type { ConnectionView, Host } from '../../contract/host.ts';
import { cleanJsonText } from '../../manifest/record-rules.ts';
import { type Connection, connectionById, findConnection, openConnection } from '../../store/connections.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Recorder } from '../recorder.ts';
import { untilStored } from '../store-retry.ts';

/** Calls about the script's own connection, and reads of another one of the same environment. */
export function createConnectionCalls(
  deps: Dependencies,
  own: Connection,
  recorder: Recorder,
  signal: AbortSignal,
): Pick<Host, 'getConnection' | 'setMetadata' | 'updateMetadata'> {
  const write = async (number: number, metadata: Readonly<Record<string, unknown>>, merge: boolean) => {
    const storable = JSON.parse(cleanJsonText(JSON.stringify(metadata)));
    await recorder.write(number, { kind: 'metadata', metadata: storable, merge });
    return { value: null };
  };
  return {
    getConnection: async ({ providerConfigKey, connectionId, forceRefresh = false }) => {
      // What the script has written to its metadata is part of what it reads.
      await recorder.flush();
      const names = {
        environmentId: own.environmentId,
        providerConfigKey: providerConfigKey ?? own.providerConfigKey,
        connectionId: connectionId ?? own.connectionId,
      };
      const isOwn = names.providerConfigKey === own.providerConfigKey && names.connectionId === own.connectionId;
      const find = () => (isOwn ? connectionById(deps.db, own.id) : findConnection(deps.db, names));
      const found = await untilStored(find, signal);
      if (found) return { value: await freshView(deps, found, forceRefresh) };
      throw new EngineError(
        'unknown_connection',
        `getConnection: no connection '${names.connectionId}' of integration '${names.providerConfigKey}'`,
      );
    },
    setMetadata: ({ metadata }, { number }) => write(number, metadata, false),
    updateMetadata: ({ metadata }, { number }) => write(number, metadata, true),
  };
}

/** The connection with its credentials opened, as scripts see it; a token that has ended, or is not wanted, is replaced first. */
async function freshView(deps: Dependencies, connection: Connection, isForced: boolean): Promise<ConnectionView> {
  const opened = openConnection(connection, deps.box);
  const { credentials } = await (isForced ? deps.keeper.refresh(opened, 'asked') : deps.keeper.current(opened));
  return {
    id: Number(connection.id),
    connection_id: connection.connectionId,
    provider_config_key: connection.providerConfigKey,
    provider: connection.provider,
    connection_config: connection.connectionConfig,
    metadata: connection.metadata,
    credentials,
    created_at: connection.createdAt.toISOString(),
    updated_at: connection.updatedAt.toISOString(),
  };
}
