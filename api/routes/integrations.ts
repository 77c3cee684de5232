import { Router } from 'express';
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import { checkIntegrationConfig } from '../../outbound/auth/connection-config.ts';
import { type Actor, addAuditEntry } from '../../store/audit-log.ts';
import { listConnections } from '../../store/connection-lists.ts';
import { violatedConstraint, withTransaction } from '../../store/db.ts';
import type { Environment } from '../../store/environments.ts';
import { webhookUrlOf } from '../../store/inbound-webhooks.ts';
import {
  createIntegration,
  deleteIntegration,
  type Integration,
  integrationCredentials,
  listIntegrations,
  patchIntegration,
} from '../../store/integrations.ts';
import { openWorkflows } from '../../store/open-runs.ts';
import { actorOf } from '../actor.ts';
import { json } from '../answer.ts';
import { closeMatches } from '../close-matches.ts';
import type { ApiDeps } from '../deps.ts';
import { checkIntegrationCredentials } from '../integration-credentials.ts';
import { invalidPart } from '../invalid.ts';
import { knownIntegration } from '../known.ts';
import type { Route } from '../route.ts';
import { freeText, integrationKey, jsonObject, knownName } from '../schemas.ts';
import { cancelWorkflows, tellEngine } from '../tell-engine.ts';

const KEY = z.object({ key: knownName });
const NEW_INTEGRATION = z.strictObject({
  provider: knownName,
  unique_key: integrationKey,
  display_name: freeText.max(255).optional(),
  credentials: jsonObject.optional(),
  forward_webhooks: z.boolean().optional(),
  custom: jsonObject.optional(),
  integration_config: jsonObject.optional(),
});
const QUICKSTART = NEW_INTEGRATION.pick({
  provider: true,
  unique_key: true,
  display_name: true,
  forward_webhooks: true,
});
const PATCH = z.strictObject({
  unique_key: integrationKey.optional(),
  display_name: freeText.max(255).optional(),
  credentials: jsonObject.optional(),
  forward_webhooks: z.boolean().optional(),
  custom: jsonObject.optional(),
});
const INCLUDE = z.enum(['webhook', 'credentials']);
const ONE = z.strictObject({ include: z.union([INCLUDE.transform((one) => [one]), z.array(INCLUDE)]).default([]) });

export function integrationRoutes(deps: ApiDeps, route: Route): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/integrations',
    route({
      handle: async ({ environment }) => json({ data: (await listIntegrations(deps.db, environment.id)).map(viewOf) }),
    }),
  );
  router.post(
    '/integrations',
    route({
      body: NEW_INTEGRATION,
      handle: async ({ environment, body }) => json({ data: viewOf(await createFrom(deps, environment, body)) }, 201),
    }),
  );
  router.post(
    '/integrations/quickstart',
    route({
      body: QUICKSTART,
      handle: async ({ environment, body }) => {
        refuseOwnApp(deps, body.provider);
        return json({ data: viewOf(await createFrom(deps, environment, body)) }, 201);
      },
    }),
  );
  router.get(
    '/integrations/:key',
    route({
      params: KEY,
      query: ONE,
      handle: async ({ environment, params, query }) => {
        const integration = await knownIntegration(deps.db, environment, params.key);
        const credentials = query.include.includes('credentials')
          ? await openCredentials(deps, integration)
          : undefined;
        const webhook = query.include.includes('webhook')
          ? { webhook_url: await webhookUrlOf(deps.db, webhookPlace(deps, environment, params.key)) }
          : {};
        return json({
          data: { ...viewOf(integration), ...webhook, ...(credentials !== undefined && { credentials }) },
        });
      },
    }),
  );
  router.patch(
    '/integrations/:key',
    route({
      params: KEY,
      body: PATCH,
      handle: async ({ environment, params, body }) =>
        json({ data: viewOf(await changeIntegration(deps, environment, params.key, body)) }),
    }),
  );
  router.delete(
    '/integrations/:key',
    route({
      params: KEY,
      handle: async ({ environment, params, request }) => {
        await removeIntegration(deps, environment, params.key, actorOf(request));
        return json({ success: true });
      },
    }),
  );
  return router;
}

function webhookPlace(deps: ApiDeps, environment: Environment, key: string) {
  return { publicUrl: deps.publicUrl(), environmentId: environment.id, providerConfigKey: key };
}

/** The incumbent lends its own OAuth apps here; a server of one's own has none to lend. */
function refuseOwnApp(deps: ApiDeps, name: string): void {
  checkProvider(deps, name);
  const { auth_mode: mode } = deps.catalogue.get(name);
  if (!NEEDS_APP.has(mode)) return;
  throw new EngineError(
    'integration_incomplete',
    `Provider '${name}' signs in by ${mode}, which needs an app of your own: register one there and use POST /integrations with its credentials.`,
  );
}

const NEEDS_APP: ReadonlySet<string> = new Set(['OAUTH1', 'OAUTH2', 'APP', 'CUSTOM', 'TBA', 'MCP_OAUTH2']);

export async function createFrom(
  deps: ApiDeps,
  environment: Environment,
  body: z.output<typeof NEW_INTEGRATION>,
): Promise<Integration> {
  checkProvider(deps, body.provider);
  const { config, faults } = checkIntegrationConfig(deps.catalogue.get(body.provider), body.integration_config ?? {});
  if (faults.length > 0) throw invalidPart('invalid_body', 'body', faults);
  return createIntegration(deps.db, {
    environmentId: environment.id,
    uniqueKey: body.unique_key,
    provider: body.provider,
    displayName: body.display_name ?? null,
    sealedCredentials: sealed(deps, body.provider, body.credentials) ?? null,
    forwardWebhooks: body.forward_webhooks,
    custom: body.custom,
    integrationConfig: Object.keys(config).length === 0 ? body.integration_config : config,
    at: deps.clock(),
  }).catch((error: unknown) => {
    throw violatedConstraint(error) === 'integrations_key' ? taken(body.unique_key, environment.name) : error;
  });
}

/** A new key is refused once there are connections: their schedules are named after it. */
export async function changeIntegration(
  deps: ApiDeps,
  environment: Environment,
  key: string,
  body: z.output<typeof PATCH>,
): Promise<Integration> {
  const { id, uniqueKey, provider } = await knownIntegration(deps.db, environment, key);
  const renames = body.unique_key !== undefined && body.unique_key !== uniqueKey;
  if (renames && (await hasConnections(deps.db, environment, uniqueKey))) throw inUse(uniqueKey);
  return patchIntegration(deps.db, {
    id,
    uniqueKey: body.unique_key,
    displayName: body.display_name,
    sealedCredentials: sealed(deps, provider, body.credentials),
    forwardWebhooks: body.forward_webhooks,
    custom: body.custom,
    at: deps.clock(),
  }).catch((error: unknown) => {
    throw violatedConstraint(error) === 'integrations_key' ? taken(body.unique_key ?? '', environment.name) : error;
  });
}

/** Checked and encrypted; undefined where none are given. */
function sealed(
  { box, catalogue }: ApiDeps,
  provider: string,
  given: Readonly<Record<string, unknown>> | undefined,
): string | undefined {
  return given && box.seal(JSON.stringify(checkIntegrationCredentials(catalogue.get(provider), given)));
}

async function hasConnections(db: ApiDeps['db'], environment: Environment, key: string): Promise<boolean> {
  const filter = { environmentId: environment.id, connectionId: null, providerConfigKeys: [key], limit: 1, offset: 0 };
  return (await listConnections(db, filter)).length > 0;
}

export async function removeIntegration(
  deps: ApiDeps,
  environment: Environment,
  key: string,
  actor: Actor,
): Promise<void> {
  const integration = await knownIntegration(deps.db, environment, key);
  const workflows = await openWorkflows(deps.db, { integrationId: integration.id });
  await withTransaction(deps.db, async (db) => {
    await deleteIntegration(db, environment.id, integration.uniqueKey);
    await addAuditEntry(db, {
      ...{ environmentId: environment.id, actor, at: deps.clock(), action: 'integration.deleted' },
      subject: integration.uniqueKey,
    });
  });
  await cancelWorkflows(deps, workflows);
  await tellEngine(deps);
}

export function viewOf(integration: Integration) {
  return {
    unique_key: integration.uniqueKey,
    provider: integration.provider,
    display_name: integration.displayName ?? integration.uniqueKey,
    logo: null,
    forward_webhooks: integration.forwardWebhooks,
    custom: integration.custom ?? {},
    created_at: integration.createdAt.toISOString(),
    updated_at: integration.updatedAt.toISOString(),
  };
}

async function openCredentials(deps: ApiDeps, integration: Integration): Promise<object | null> {
  const stored = await integrationCredentials(deps.db, integration.id);
  if (stored === null) return null;
  const credentials = JSON.parse(deps.box.open(stored)) as object;
  if (!deps.catalogue.has(integration.provider)) return credentials;
  // Whatever was stored before types were checked: what is shown may be sent back.
  return { ...credentials, type: deps.catalogue.get(integration.provider).auth_mode };
}

function checkProvider(deps: ApiDeps, name: string): void {
  if (deps.catalogue.has(name)) return;
  const matches = closeMatches(
    name,
    deps.catalogue.list().map((provider) => provider.name),
  );
  const hint =
    matches.length === 0
      ? 'GET /providers lists them'
      : `did you mean ${matches.map((match) => `'${match}'`).join(' or ')}?`;
  throw new EngineError(
    'unknown_provider',
    `Unknown provider '${name}': ${hint}. More can be added in the file that NANGO_PROVIDERS_FILE names.`,
  );
}

function inUse(key: string): EngineError {
  return new EngineError(
    'conflict',
    `Integration '${key}' has connections, whose schedules are named after it: create another integration instead.`,
  );
}

function taken(key: string, environment: string): EngineError {
  return new EngineError(
    'conflict',
    `Integration '${key}' exists already in environment '${environment}': choose another unique_key.`,
  );
}
