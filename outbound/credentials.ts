/** Which credential a call carries when the provider's entry does not say it itself. */
import { EngineError } from '../contract/failures.ts';
import { nameConnection, type Party } from './connection.ts';

/**
 * The Authorization header that goes with the provider's auth mode, or undefined where the mode has none (API keys go
 * where `proxy.headers` or `proxy.query` put them; signatures come later). Throws `upstream_refused` when the connection
 * lacks the credential.
 */
export function defaultAuthorization(party: Party): string | undefined {
  const mode = party.provider.auth_mode;
  switch (mode) {
    case 'BASIC':
      return `Basic ${Buffer.from(`${credential(party, 'username')}:${password(party)}`).toString('base64')}`;
    case 'OAUTH2':
    case 'APP':
    case 'MCP_OAUTH2':
    case 'MCP_OAUTH2_GENERIC':
      return `Bearer ${credential(party, 'access_token')}`;
    case 'OAUTH2_CC':
    case 'JWT':
    case 'SIGNATURE':
    case 'TWO_STEP':
      return `Bearer ${credential(party, 'token')}`;
    case 'API_KEY':
    case 'NONE':
    case 'INSTALL_PLUGIN':
    // Its session's headers are the entry's to write.
    case 'BILL':
      return undefined;
    case 'CUSTOM':
      return `Bearer ${appToken(party)}`;
    // Signed once the whole request is known (auth/sign-request.ts).
    case 'OAUTH1':
    case 'TBA':
    case 'AWS_SIGV4':
      return undefined;
    default:
      return mode satisfies never;
  }
}

function credential(party: Party, name: string): string {
  const value = Object.hasOwn(party.connection.credentials, name) ? party.connection.credentials[name] : undefined;
  if (typeof value === 'string' && value !== '') return value;
  throw new EngineError(
    'upstream_refused',
    `Credential '${name}' of ${nameConnection(party.connection)} is missing: provider '${party.provider.name}' ` +
      `(${party.provider.auth_mode}) needs it. Create the connection again with it.`,
  );
}

// Of an app and the person who installed it, the app calls.
function appToken(party: Party): string {
  const { app } = party.connection.credentials;
  const credentials = typeof app === 'object' && app !== null ? (app as Readonly<Record<string, unknown>>) : {};
  return credential({ ...party, connection: { ...party.connection, credentials } }, 'access_token');
}

// Some APIs take the key as the user name and an empty password.
function password({ connection }: Party): string {
  const value = connection.credentials['password'];
  return typeof value === 'string' ? value : '';
}
