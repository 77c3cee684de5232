import type { Host } from '../../contract/host.ts';
import type { OutboundConnection } from '../../outbound/connection.ts';
import { type Connection, findConnection } from '../../store/connections.ts';
import { EngineError } from '../../contract/failures.ts';
import type { SecretBox } from '../../store/secret-box.ts';
import type { Dependencies } from '../dependencies.ts';

/** Calls to upstream APIs with the credentials of the script's connection, or of one it names. */
export function createRequestCalls(
  deps: Dependencies,
  own: Connection,
): { readonly request: Host['request']; readonly count: () => number } {
  let made = 0;
  const ownParty = outboundConnection(own, deps.box);
  return {
    count: () => made,
    request: async ({ config }, { signal }) => {
      const other = config.connectionId !== undefined || config.providerConfigKey !== undefined;
      const party = other ? await otherParty(deps, own, config) : ownParty;
      made += 1;
      const { head, body } = await deps.outbound.request(party, config, { signal });
      return { value: head, body };
    },
  };
}

async function otherParty(
  deps: Dependencies,
  own: Connection,
  config: { readonly connectionId?: string; readonly providerConfigKey?: string },
): Promise<OutboundConnection> {
  const connectionId = config.connectionId ?? own.connectionId;
  const providerConfigKey = config.providerConfigKey ?? own.providerConfigKey;
  const found = await findConnection(deps.db, { environmentId: own.environmentId, providerConfigKey, connectionId });
  if (found) return outboundConnection(found, deps.box);
  throw new EngineError(
    'unknown_connection',
    `A call names connection '${connectionId}' of integration '${providerConfigKey}', which does not exist`,
  );
}

function outboundConnection(connection: Connection, box: SecretBox): OutboundConnection {
  return {
    id: Number(connection.id),
    provider: connection.provider,
    providerConfigKey: connection.providerConfigKey,
    connectionId: connection.connectionId,
    connectionConfig: connection.connectionConfig,
    metadata: connection.metadata,
    credentials: JSON.parse(box.open(connection.sealedCredentials)),
  };
}
