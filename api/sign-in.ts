/** What every way of making a connection under a connect session has in common: whose, for what, and with which values. */
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Credentials, Granted } from '../contract/credentials.ts';
import { EngineError } from '../contract/failures.ts';
import type { Applicant } from '../outbound/auth/applicant.ts';
import { checkConnectionConfig } from '../outbound/auth/connection-config.ts';
import { type ConnectSession, deleteConnectSession } from '../store/connect-sessions.ts';
import { type Connection, connectionById } from '../store/connections.ts';
import { type Integration, integrationCredentials } from '../store/integrations.ts';
import type { ApiDeps } from './deps.ts';
import { invalidPart } from './invalid.ts';
import { knownIntegration } from './known.ts';
import { makeConnection } from './make-connection.ts';
import { SESSION_WISHES } from './session-wishes.ts';

export type SignInCall = {
  readonly session: ConnectSession;
  readonly integration: Integration;
  readonly applicant: Applicant;
  /** The session's defaults for this integration. */
  readonly defaults: z.output<typeof SESSION_WISHES>['integrations_config_defaults'][string];
};

/**
 * Puts together who signs in where. Throws `integration_not_allowed` when the session does not cover the integration and
 * `invalid_body` naming each missing or wrong value of the connection_config.
 */
export async function prepareSignIn(
  deps: ApiDeps,
  session: ConnectSession,
  given: {
    readonly key: string;
    readonly connectionConfig: Readonly<Record<string, unknown>>;
    readonly credentials: Credentials;
  },
): Promise<SignInCall> {
  const wishes = SESSION_WISHES.parse(session.wishes);
  const integration = await knownIntegration(deps.db, session.environment, given.key);
  const earlier = await reconnected(deps, session, integration);
  if (wishes.allowed_integrations !== undefined && !wishes.allowed_integrations.includes(given.key)) {
    throw notAllowed(given.key, wishes.allowed_integrations);
  }
  const provider = deps.catalogue.get(integration.provider);
  const defaults = wishes.integrations_config_defaults[given.key] ?? {};
  const { config, faults } = checkConnectionConfig(provider, {
    ...earlier?.connectionConfig,
    ...given.connectionConfig,
    // What the product fixes, the person in the browser cannot change.
    ...defaults.connection_config,
  });
  if (faults.length > 0) throw invalidPart('invalid_body', 'connection_config', faults);
  const applicant: Applicant = {
    provider,
    connectionId: earlier?.connectionId ?? randomUUID(),
    providerConfigKey: integration.uniqueKey,
    connectionConfig: config,
    credentials: given.credentials,
    integration: await openIntegration(deps, integration),
  };
  return { session, integration, applicant, defaults };
}

/** Makes the connection for credentials that came; a session that signed in a connection again has served its purpose. */
export async function completeSignIn(
  deps: ApiDeps,
  call: SignInCall,
  granted: Granted,
): Promise<{ readonly connection: Connection; readonly created: boolean }> {
  const { session, applicant, integration } = call;
  const wishes = SESSION_WISHES.parse(session.wishes);
  const made = await makeConnection(deps, session.environment, {
    integrationId: integration.id,
    connectionId: applicant.connectionId,
    granted,
    connectionConfig: applicant.connectionConfig,
    endUser: wishes.end_user && { ...wishes.end_user, organization: wishes.organization },
    tags: wishes.tags,
    webhookUrlOverride: wishes.webhook_url_override,
  });
  if (session.reconnects !== null) await deleteConnectSession(deps.db, session.id);
  return made;
}

/** The integration's own credentials, opened; empty when it has none. */
export async function openIntegration(
  deps: Pick<ApiDeps, 'db' | 'box'>,
  integration: Pick<Integration, 'id'>,
): Promise<Credentials> {
  const sealed = await integrationCredentials(deps.db, integration.id);
  return sealed === null ? {} : (JSON.parse(deps.box.open(sealed)) as Credentials);
}

async function reconnected(
  deps: ApiDeps,
  session: ConnectSession,
  integration: Integration,
): Promise<Connection | undefined> {
  if (session.reconnects === null) return undefined;
  const earlier = await connectionById(deps.db, session.reconnects);
  if (earlier?.integrationId === integration.id) return earlier;
  throw notAllowed(integration.uniqueKey, earlier === undefined ? [] : [earlier.providerConfigKey]);
}

function notAllowed(key: string, allowed: readonly string[]): EngineError {
  const names = allowed.map((one) => `'${one}'`).join(', ');
  return new EngineError(
    'integration_not_allowed',
    `The connect session does not cover integration '${key}': it was opened for ${names || 'a connection that is gone'}.`,
  );
}
