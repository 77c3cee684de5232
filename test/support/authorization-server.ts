import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import {
  type AuthorizationServer,
  CLIENT,
  startAuthorizationServer,
} from '../../bench/upstream/authorization-server.ts';
import type { TestApi } from './api.ts';

/** The strict OAuth 2 server of the bench, as clean at the start of each test as it was made. */
export function useAuthorizationServer(clock?: () => number): AuthorizationServer {
  let server: AuthorizationServer | undefined;
  beforeAll(async () => {
    server = await startAuthorizationServer(clock === undefined ? {} : { clock });
  });
  beforeEach(() => server?.reset());
  afterAll(() => server?.close());
  return new Proxy({} as AuthorizationServer, {
    get: (_, name) => Reflect.get(server ?? {}, name),
    set: (_, name, value) => Reflect.set(server ?? {}, name, value),
  });
}

/** An integration of provider `oauth-server` (test/fixtures/api/providers.yaml) with the client the server knows. */
export async function createOauthIntegration(api: TestApi, key: string, provider = 'oauth-server'): Promise<void> {
  const credentials = { type: 'OAUTH2', client_id: CLIENT.id, client_secret: CLIENT.secret, scopes: 'read,write' };
  await api.call('POST', '/integrations', { body: { unique_key: key, provider, credentials } });
}

/** Imports a connection with a grant of the server; its token ends `endsInMs` after the API's clock, null: nobody knows. */
export async function importConnection(
  api: TestApi,
  server: AuthorizationServer,
  names: { readonly key: string; readonly id: string },
  endsAt: Date | null,
): Promise<{ readonly access_token: string; readonly refresh_token: string }> {
  const grant = server.grant();
  const { status, text } = await api.call('POST', '/connections', {
    body: {
      provider_config_key: names.key,
      connection_id: names.id,
      credentials: { type: 'OAUTH2', ...grant, ...(endsAt !== null && { expires_at: endsAt.toISOString() }) },
      connection_config: { server: server.url },
    },
  });
  if (status !== 201) throw new Error(text);
  return grant;
}
