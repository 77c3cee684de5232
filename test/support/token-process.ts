/** What one process of the engine has for its tokens and calls, several of them on one database. */
import { randomBytes } from 'node:crypto';
import type { AuthorizationServer } from '../../bench/upstream/authorization-server.ts';
import { CLIENT } from '../../bench/upstream/authorization-server.ts';
import { type Authorizer, createAuthorizer } from '../../outbound/auth/authorizer.ts';
import type { Catalogue } from '../../outbound/catalogue.ts';
import type { OutboundConnection } from '../../outbound/connection.ts';
import { createOutbound, type Outbound } from '../../outbound/request.ts';
import { connectionById, openConnection, saveConnection } from '../../store/connections.ts';
import { createCredentialVault } from '../../store/credentials.ts';
import { ensureEnvironment } from '../../store/environments.ts';
import { createIntegration } from '../../store/integrations.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import type { TestDatabase } from './database.ts';
import { acme } from './outbound.ts';

export type Clock = { now: Date };
export type TokenProcess = {
  readonly authorizer: Authorizer;
  readonly outbound: Outbound;
  readonly events: readonly (readonly [string, Readonly<Record<string, unknown>>])[];
  /** The connection as this process reads it now. */
  readonly load: (id: number) => Promise<OutboundConnection>;
  /** The status of a call to the server's API. */
  readonly call: (connection: OutboundConnection, method?: 'GET' | 'POST') => Promise<number>;
  readonly close: () => Promise<void>;
};

export const TEST_KEY = randomBytes(32).toString('base64');
export const TEST_BOX = createSecretBox(TEST_KEY);

/** Opens one, its provider's entry as given; it holds on to a connection for `longestHoldMs` at most. */
export function openTokenProcess(
  database: TestDatabase,
  clock: Clock,
  entry: () => Record<string, unknown>,
  longestHoldMs = 500,
): TokenProcess {
  const events: (readonly [string, Readonly<Record<string, unknown>>])[] = [];
  const db = database.open(5);
  const holds = database.open(3);
  const provider = acme(entry());
  const catalogue: Catalogue = { get: () => provider, has: () => true, list: () => [provider] };
  const options = { catalogue, allow: ['127.0.0.1'], clock: () => clock.now };
  const log = (event: string, fields: Readonly<Record<string, unknown>>) => events.push([event, fields]);
  const authorizer = createAuthorizer({
    ...options,
    vault: createCredentialVault({ db, holds, box: TEST_BOX, longestHoldMs }),
    log,
  });
  const outbound = createOutbound({
    ...options,
    keeper: authorizer.keeper,
    sign: authorizer.sign,
    maxResponseBytes: 1_000_000,
    // No wait is really waited; the clock is the test's.
    sleep: async () => undefined,
  });
  return {
    authorizer,
    outbound,
    events,
    load: async (id) => {
      const row = await connectionById(db, String(id));
      if (row === undefined) throw new Error('The connection is gone');
      return openConnection(row, TEST_BOX);
    },
    call: async (connection, method = 'GET') => {
      const { signal } = new AbortController();
      const answer = await outbound.request(connection, { endpoint: '/me', method }, { signal });
      return answer.head.status;
    },
    close: async () => {
      await authorizer.close();
      outbound.close();
      await Promise.all([db.end(), holds.end()]);
    },
  };
}

/** A connection with a grant of the server, whose token lives as the server says from the clock's now on. */
export async function seedGrant(
  database: TestDatabase,
  server: Pick<AuthorizationServer, 'grant' | 'lifetime'>,
  clock: Clock,
  changes: { readonly credentials?: Record<string, unknown>; readonly name?: string } = {},
): Promise<number> {
  const { pool } = database;
  const { id: environmentId } = await ensureEnvironment(pool, 'dev', clock.now);
  const name = changes.name ?? `i-${randomBytes(4).toString('hex')}`;
  const { id: integrationId } = await createIntegration(pool, {
    environmentId,
    uniqueKey: name,
    provider: 'acme',
    displayName: null,
    sealedCredentials: TEST_BOX.seal(JSON.stringify({ client_id: CLIENT.id, client_secret: CLIENT.secret })),
    at: clock.now,
  });
  const ends = server.lifetime === null ? null : new Date(clock.now.getTime() + server.lifetime * 1_000);
  const { id } = await saveConnection(pool, {
    environmentId,
    integrationId,
    connectionId: 'c1',
    sealedCredentials: TEST_BOX.seal(JSON.stringify({ type: 'OAUTH2', ...server.grant(), ...changes.credentials })),
    connectionConfig: {},
    metadata: undefined,
    expiresAt: ends,
    refreshAt: ends && new Date(ends.getTime() - 300_000),
    at: clock.now,
  });
  return Number(id);
}
