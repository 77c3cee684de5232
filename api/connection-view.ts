import type { Connection } from '../store/connections.ts';
import type { SecretBox } from '../store/secret-box.ts';

/**
 * The full connection with its credentials opened, as the facts' §4.2 has it. The refresh token goes along only where it
 * was asked for (`refresh_token=true`): whoever uses it without us loses us the grant.
 * @default withRefreshToken true
 */
export function fullConnection(
  connection: Connection,
  box: SecretBox,
  options: { readonly withRefreshToken: boolean } = { withRefreshToken: true },
) {
  const opened = JSON.parse(box.open(connection.sealedCredentials)) as Record<string, unknown>;
  return {
    id: Number(connection.id),
    connection_id: connection.connectionId,
    provider_config_key: connection.providerConfigKey,
    provider: connection.provider,
    connection_config: connection.connectionConfig,
    metadata: connection.metadata,
    credentials: options.withRefreshToken ? opened : withoutRefreshTokens(opened),
    ...common(connection),
    created_at: connection.createdAt.toISOString(),
    updated_at: connection.updatedAt.toISOString(),
    last_fetched_at: connection.lastFetchedAt?.toISOString() ?? null,
    webhook_url_override: connection.webhookUrlOverride,
  };
}

/** One line of the list of connections: nothing secret. */
export function listedConnection(connection: Connection) {
  return {
    id: Number(connection.id),
    connection_id: connection.connectionId,
    provider_config_key: connection.providerConfigKey,
    provider: connection.provider,
    ...common(connection),
    metadata: connection.metadata,
    created: connection.createdAt.toISOString(),
  };
}

/**
 * The connection for people who look: of its credentials it shows which there are, never what they are. Unlike
 * `fullConnection` it is no use of them, so nothing is refreshed or noted for it.
 */
export function maskedConnection(connection: Connection, box: SecretBox) {
  const { credentials, ...rest } = fullConnection(connection, box);
  const shown = Object.entries(credentials).map(([name, value]) => [name, PLAIN.has(name) ? value : masked(value)]);
  return { ...rest, credentials: Object.fromEntries(shown) as Record<string, unknown> };
}

const PLAIN = new Set(['type', 'expires_at']);

function masked(value: unknown): unknown {
  if (value === null || value === undefined || value === '') return value;
  return typeof value === 'object' ? '(hidden object)' : '••••••••';
}

function common({ authFailedAt, refreshError, endUser, tags }: Connection) {
  const failure = { type: 'auth', log_id: null, message: refreshError, since: authFailedAt?.toISOString() ?? null };
  return { errors: authFailedAt === null ? [] : [failure], end_user: endUser, tags };
}

/**
 * Without refresh tokens, at whatever depth: an answer may have a person's beside a bot's, an app has that of who installed
 * it, and what a vendor calls by another name is known by its value.
 */
function withoutRefreshTokens(credentials: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const tokens = new Set(valuesNamed(credentials, 'refresh_token'));
  const shown = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shown);
    if (typeof value !== 'object' || value === null) return value;
    const kept = Object.entries(value).filter(([name, inner]) => name !== 'refresh_token' && !tokens.has(inner));
    return Object.fromEntries(kept.map(([name, inner]) => [name, shown(inner)]));
  };
  return shown(credentials) as Record<string, unknown>;
}

function valuesNamed(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === name && typeof inner === 'string' && inner !== '' ? [inner] : valuesNamed(inner, name),
  );
}
