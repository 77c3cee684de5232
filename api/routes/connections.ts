import { randomUUID } from 'node:crypto';
import { Router } from 'express';
import { z } from 'zod';
import { type Actor, addAuditEntry } from '../../store/audit-log.ts';
import { withTransaction } from '../../store/db.ts';
import type { Granted } from '../../contract/credentials.ts';
import type { RefreshReason } from '../../outbound/auth/keeper.ts';
import { checkConnectionConfig } from '../../outbound/auth/connection-config.ts';
import { listConnections } from '../../store/connection-lists.ts';
import {
  type Connection,
  deleteConnection,
  findConnection,
  noteFetched,
  openConnection,
  patchConnection,
} from '../../store/connections.ts';
import type { Environment } from '../../store/environments.ts';
import { openWorkflows } from '../../store/open-runs.ts';
import { actorOf } from '../actor.ts';
import { json } from '../answer.ts';
import { fullConnection, listedConnection } from '../connection-view.ts';
import { checkCredentials, grantedBy } from '../credentials.ts';
import type { ApiDeps } from '../deps.ts';
import { allocateEvent, awaitEvents } from '../events.ts';
import { invalidPart } from '../invalid.ts';
import { knownConnection, knownIntegration } from '../known.ts';
import { makeConnection } from '../make-connection.ts';
import { notedSignIn } from '../noted.ts';
import type { Route } from '../route.ts';
import {
  bracketed,
  commaList,
  connectionId,
  flag,
  freeText,
  integrationKey,
  jsonObject,
  knownName,
  wholeNumber,
} from '../schemas.ts';
import { endUser, organization, tags, webhookUrl } from '../session-wishes.ts';
import { openIntegration } from '../sign-in.ts';
import { cancelWorkflows, tellEngine } from '../tell-engine.ts';

const ID = z.object({ id: knownName });
const TAG = /^tags\[[^\]]+\]$/;
const LIST = z
  .object({
    connectionId: knownName.optional(),
    search: freeText.max(255).optional(),
    endUserId: knownName.optional(),
    endUserOrganizationId: knownName.optional(),
    integrationId: commaList.optional(),
    /** `true`: only those whose person has to sign in again. */
    withError: flag.optional(),
    limit: wholeNumber(1, 10_000).default(10_000),
    page: wholeNumber(0, 100_000).default(0),
  })
  .catchall(z.string())
  .superRefine((query, context) => {
    for (const key of Object.keys(query)) {
      if (!(key in LIST_KEYS) && !TAG.test(key))
        context.addIssue({ code: 'unrecognized_keys', keys: [key], input: query, message: 'unknown key' });
    }
  });
const LIST_KEYS: Readonly<Record<string, true>> = {
  connectionId: true,
  search: true,
  endUserId: true,
  endUserOrganizationId: true,
  integrationId: true,
  withError: true,
  limit: true,
  page: true,
};
const ONE = z.strictObject({
  provider_config_key: knownName,
  refresh_token: flag.optional(),
  force_refresh: flag.optional(),
  refresh_github_app_jwt_token: flag.optional(),
});
const WHOSE = {
  end_user: endUser.extend({ organization: organization.nullish() }).nullish(),
  tags: tags.optional(),
  webhook_url_override: webhookUrl.nullish(),
};
const NEW_CONNECTION = z.strictObject({
  provider_config_key: integrationKey,
  connection_id: connectionId.optional(),
  credentials: z.record(z.string(), z.unknown()).optional(),
  metadata: jsonObject.optional(),
  connection_config: jsonObject.default({}),
  ...WHOSE,
});
/** Of credentials, what clients of 2023 send beside the rest. */
const FLAT = [
  ...['type', 'api_key', 'apiKey', 'username', 'password', 'access_token', 'refresh_token', 'expires_at', 'raw'],
  ...[
    'expires_in',
    'no_expiration',
    'oauth_token',
    'oauth_token_secret',
    'client_id',
    'client_secret',
    'scopes',
    'token',
    'token_id',
    'token_secret',
  ],
];
const { credentials: _, ...BESIDE } = NEW_CONNECTION.shape;
const NEW_CONNECTION_FLAT = z
  .strictObject({ ...Object.fromEntries(FLAT.map((name) => [name, z.unknown().optional()])), ...BESIDE })
  .transform((body): z.output<typeof NEW_CONNECTION> => {
    const sent = Object.entries(body).filter(([name, value]) => FLAT.includes(name) && value !== undefined);
    const rest = Object.fromEntries(Object.entries(body).filter(([name]) => !FLAT.includes(name)));
    return { ...(rest as typeof body), ...(sent.length > 0 && { credentials: Object.fromEntries(sent) }) };
  });
/** Clients of 2023 say how many seconds a token has left, or that it does not end. */
function withEnd({ expires_in: left, no_expiration: _never, ...credentials }: Record<string, unknown>, now: Date) {
  const seconds = typeof left === 'number' && Number.isFinite(left) ? left : undefined;
  if (seconds === undefined) return { credentials };
  return { credentials: { expires_at: new Date(now.getTime() + seconds * 1_000).toISOString(), ...credentials } };
}

const PATCH = z.strictObject(WHOSE);

export function connectionRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    ['/connections', '/connection'],
    route({
      query: LIST,
      handle: async ({ environment, query }) => {
        const wanted = bracketed(query, 'tags') as Record<string, string>;
        const connections = await listConnections(deps.db, {
          environmentId: environment.id,
          connectionId: query.connectionId ?? null,
          providerConfigKeys: query.integrationId ?? null,
          endUserId: query.endUserId ?? null,
          organizationId: query.endUserOrganizationId ?? null,
          tags: Object.keys(wanted).length === 0 ? null : wanted,
          search: query.search ?? null,
          withError: query.withError ?? false,
          limit: query.limit,
          offset: query.page * query.limit,
        });
        return json({ connections: connections.map(listedConnection) });
      },
    }),
  );
  router.post(
    '/connections',
    route({
      body: NEW_CONNECTION,
      handle: ({ environment, body }) => createNoted(deps, environment, body),
    }),
  );
  router.post(
    '/connection',
    route({
      body: NEW_CONNECTION_FLAT,
      handle: ({ environment, body }) =>
        createNoted(deps, environment, { ...body, ...(body.credentials && withEnd(body.credentials, deps.clock())) }),
    }),
  );
  router.get(
    ['/connections/:id', '/connection/:id'],
    route({
      params: ID,
      query: ONE,
      handle: async ({ environment, params, query }) => {
        const address = { providerConfigKey: query.provider_config_key, connectionId: params.id };
        const reason = query.force_refresh || query.refresh_github_app_jwt_token ? 'asked' : 'due';
        return json(
          await fetchFresh(deps, environment, address, { reason, withRefreshToken: query.refresh_token ?? false }),
        );
      },
    }),
  );
  router.patch(
    ['/connections/:id', '/connection/:id'],
    route({
      params: ID,
      query: z.strictObject({ provider_config_key: knownName }),
      body: PATCH,
      handle: async ({ environment, params, query, body }) => {
        const address = { providerConfigKey: query.provider_config_key, connectionId: params.id };
        const { id } = await knownConnection(deps.db, environment, address);
        await patchConnection(deps.db, {
          id,
          endUser: body.end_user,
          tags: body.tags,
          webhookUrlOverride: body.webhook_url_override,
          at: deps.clock(),
        });
        return json({ success: true });
      },
    }),
  );
  router.delete(
    ['/connections/:id', '/connection/:id'],
    route({
      params: ID,
      query: z.strictObject({ provider_config_key: knownName }),
      handle: async ({ environment, params, query, request }) => {
        const address = { providerConfigKey: query.provider_config_key, connectionId: params.id };
        await remove(deps, environment, await knownConnection(deps.db, environment, address), actorOf(request));
        return json({ success: true });
      },
    }),
  );
  return router;
}

async function createNoted(deps: ApiDeps, environment: Environment, body: z.output<typeof NEW_CONNECTION>) {
  const { provider_config_key: providerConfigKey, connection_id: connectionId = null } = body;
  const { connection, created } = await notedSignIn(
    deps,
    { environmentId: environment.id, providerConfigKey, connectionId },
    () => create(deps, environment, body),
    (made) => ({ connectionId: made.connection.connectionId, created: made.created }),
  );
  return json(fullConnection(connection, deps.box), created ? 201 : 200);
}

/** Checks all that was sent before anything is stored; a mode whose tokens need no person gets its first one here. */
async function create(deps: ApiDeps, environment: Environment, body: z.output<typeof NEW_CONNECTION>) {
  const integration = await knownIntegration(deps.db, environment, body.provider_config_key);
  const provider = deps.catalogue.get(integration.provider);
  const credentials = checkCredentials(provider, body.credentials);
  const { config, faults } = checkConnectionConfig(provider, body.connection_config);
  if (faults.length > 0) throw invalidPart('invalid_body', 'body', faults);
  const names = { environmentId: environment.id, providerConfigKey: integration.uniqueKey };
  const id = body.connection_id ?? randomUUID();
  const given = grantedBy(credentials, deps.clock());
  const applicant = {
    provider,
    connectionId: id,
    providerConfigKey: names.providerConfigKey,
    connectionConfig: config,
    credentials,
    integration: await openIntegration(deps, integration),
  };
  const granted: Granted = hasToken(credentials) ? given : ((await deps.authorizer.firstToken(applicant)) ?? given);
  return makeConnection(deps, environment, {
    integrationId: integration.id,
    connectionId: id,
    granted,
    connectionConfig: config,
    metadata: body.metadata,
    endUser: body.end_user,
    tags: body.tags,
    webhookUrlOverride: body.webhook_url_override,
  });
}

function hasToken(credentials: Readonly<Record<string, unknown>>): boolean {
  return 'access_token' in credentials || 'token' in credentials;
}

/** The connection for somebody who uses its credentials himself: a token that ends soon is replaced first. */
async function fetchFresh(
  deps: ApiDeps,
  environment: Environment,
  address: { readonly providerConfigKey: string; readonly connectionId: string },
  { reason, withRefreshToken }: { readonly reason: RefreshReason; readonly withRefreshToken: boolean },
) {
  const connection = await knownConnection(deps.db, environment, address);
  const now = deps.clock();
  const due = connection.refreshAt !== null && now.getTime() >= connection.refreshAt.getTime();
  if (due || reason === 'asked') await deps.authorizer.keeper.refresh(openConnection(connection, deps.box), reason);
  await noteFetched(deps.db, connection.id, now);
  const fresh = await findConnection(deps.db, { environmentId: environment.id, ...address });
  return fullConnection(fresh ?? connection, deps.box, { withRefreshToken });
}

/** Scripts for the deletion run first, while the connection still works; one that fails is in the log and stops nothing. */
async function remove(deps: ApiDeps, environment: Environment, connection: Connection, actor: Actor): Promise<void> {
  for (const run of await allocateEvent(deps.db, deps, environment, { connection, event: 'pre-connection-deletion' })) {
    const failed = await awaitEvents(deps, [run]);
    if (failed === undefined) continue;
    deps.log('event.failed', {
      script: run.script,
      connection: connection.connectionId,
      error: failed.failure.message,
    });
  }
  const workflows = await openWorkflows(deps.db, { connectionRow: connection.id });
  await withTransaction(deps.db, async (db) => {
    await deleteConnection(db, connection.id);
    await addAuditEntry(db, {
      ...{ environmentId: environment.id, actor, at: deps.clock(), action: 'connection.deleted' },
      subject: `${connection.providerConfigKey}/${connection.connectionId}`,
    });
  });
  await cancelWorkflows(deps, workflows);
  await tellEngine(deps);
}
