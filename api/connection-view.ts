import type { Connection } from '../store/connections.ts';
import type { SecretBox } from '../store/secret-box.ts';

/** The full connection with its credentials opened, as the facts' §4.2 has it. */
export function fullConnection(connection: Connection, box: SecretBox) {
  return {
    id: Number(connection.id),
    connection_id: connection.connectionId,
    provider_config_key: connection.providerConfigKey,
    provider: connection.provider,
    connection_config: connection.connectionConfig,
    metadata: connection.metadata,
    credentials: JSON.parse(box.open(connection.sealedCredentials)) as Record<string, unknown>,
    errors: [],
    end_user: null,
    tags: {},
    created_at: connection.createdAt.toISOString(),
    updated_at: connection.updatedAt.toISOString(),
    last_fetched_at: null,
    webhook_url_override: null,
  };
}

/** One line of the list of connections: nothing secret. */
export function listedConnection(connection: Connection) {
  return {
    id: Number(connection.id),
    connection_id: connection.connectionId,
    provider_config_key: connection.providerConfigKey,
    provider: connection.provider,
    errors: [],
    end_user: null,
    tags: {},
    metadata: connection.metadata,
    created: connection.createdAt.toISOString(),
  };
}
