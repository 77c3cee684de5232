/** A request that succeeds for every route of the app, and the rows each one stands on. The routes themselves say which. */
import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { AuthorizationServer } from '../../bench/upstream/authorization-server.ts';
import { addDelivery, nextSequence, noteAttempt } from '../../store/webhook-deliveries.ts';
import { withTransaction } from '../../store/db.ts';
import { saveRecords } from '../../store/records.ts';
import { beginAttempt, endRun } from '../../store/runs.ts';
import { type ApiRequest, NOW, type TestApi } from '../support/api.ts';
import { createOauthIntegration } from '../support/authorization-server.ts';
import { action, createTracker, deployFlows, deployment, flow } from '../support/deployment.ts';
import type { Upstream } from '../support/upstream.ts';

export type Good = Omit<ApiRequest, 'body'> & {
  /** The route's path with its ids filled in. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** @default 200 */
  readonly status?: number;
  /** What the body of the answer holds, as `toMatchObject` compares. */
  readonly gives?: unknown;
  /** The provider decides which keys the body has, so that none is unknown. */
  readonly isOpen?: true;
  /** Of a body that no schema describes: what may be left out. */
  readonly optional?: readonly string[];
};

/** Somebody's integration, named `key`, with connection `c1`, sync `tasks` and action `post`. */
export type World = {
  readonly api: TestApi;
  readonly upstream: Upstream;
  readonly server: AuthorizationServer;
  readonly key: string;
};

export async function createWorld(parts: Omit<World, 'key'>): Promise<World> {
  const key = `k-${randomUUID()}`;
  await createTracker(parts.api, key, ['c1'], parts.upstream.url);
  await deployFlows(parts.api, flow(key, 'tasks'), action(key, 'post'));
  return { ...parts, key };
}

type Row = (world: World) => Good | Promise<Good>;

const whose = ({ key }: World) => ({ provider_config_key: key, connection_id: 'c1' });
const by = ({ key }: World) => ({ 'provider-config-key': key, 'connection-id': 'c1' });
const of = ({ key }: World) => ({ query: { provider_config_key: key } });
const syncsOf = (world: World) => ({ body: { ...whose(world), syncs: ['tasks'] } });
const DONE = { gives: { success: true } };

export const GOOD: Readonly<Record<string, Row>> = {
  'GET /': () => ({ path: '/', key: null }),
  'GET /health': () => ({ path: '/health', key: null, gives: { result: 'ok' } }),
  'GET /ready': () => ({ path: '/ready', key: null }),
  'GET /metrics': () => ({ path: '/metrics', key: null }),
  'GET /openapi.json': () => ({ path: '/openapi.json', key: null, gives: { openapi: '3.1.0' } }),
  'GET /docs/api': () => ({ path: '/docs/api', key: null }),
  'POST /cli/telemetry': () => ({ path: '/cli/telemetry', key: null, body: { any: 'thing' }, status: 204 }),
  'GET /oauth/client-metadata/:environment/:key': async ({ api }) => {
    const unique_key = randomUUID();
    await api.call('POST', '/integrations', { body: { unique_key, provider: 'mcp-by-document' } });
    const path = (await webhookPathOf(api, unique_key)).replace('/webhook/', '/oauth/client-metadata/');
    return { path, key: null, gives: { client_name: 'nango-temporal' } };
  },

  'GET /providers': () => ({ path: '/providers', query: { search: 'tracker' }, gives: { data: expect.any(Array) } }),
  'GET /providers/:name': () => ({ path: '/providers/tracker', gives: { data: { name: 'tracker' } } }),
  'GET /providers/:name/templates': () => ({ path: '/providers/tracker/templates', gives: { data: [] } }),
  'GET /integrations': ({ key }) => ({
    path: '/integrations',
    gives: { data: expect.arrayContaining([expect.objectContaining({ unique_key: key })]) },
  }),
  'POST /integrations': () => made('/integrations'),
  'POST /integrations/quickstart': () => made('/integrations/quickstart'),
  'GET /integrations/:key': ({ key }) => ({ path: `/integrations/${key}`, gives: { data: { unique_key: key } } }),
  'PATCH /integrations/:key': ({ key }) => ({
    path: `/integrations/${key}`,
    body: { display_name: 'Ours' },
    gives: { data: { display_name: 'Ours' } },
  }),
  'DELETE /integrations/:key': ({ key }) => ({ path: `/integrations/${key}`, ...DONE }),
  'GET /config': ({ key }) => ({
    path: '/config',
    gives: { configs: expect.arrayContaining([expect.objectContaining({ unique_key: key })]) },
  }),
  'GET /config/:key': ({ key }) => ({ path: `/config/${key}`, gives: { config: { unique_key: key } } }),
  'POST /config': () => ({ path: '/config', body: { provider: 'tracker', provider_config_key: randomUUID() } }),
  'PUT /config': async ({ api }) => {
    const key = randomUUID();
    await createOauthIntegration(api, key);
    const app = { oauth_client_id: 'other', oauth_client_secret: 'secret' };
    return { path: '/config', body: { provider: 'oauth-server', provider_config_key: key, ...app } };
  },
  'DELETE /config/:key': ({ key }) => ({ path: `/config/${key}`, status: 204 }),
  'GET /integrations/:key/functions': ({ key }) => ({
    path: `/integrations/${key}/functions`,
    gives: { pagination: { total: 2 } },
  }),
  'GET /integrations/:key/functions/:name': ({ key }) => ({
    path: `/integrations/${key}/functions/tasks`,
    gives: { data: { name: 'tasks' } },
  }),
  'GET /integrations/:key/functions/:name/code': ({ key }) => ({
    path: `/integrations/${key}/functions/tasks/code`,
    gives: { type: 'sync', code: expect.any(String) },
  }),
  'DELETE /integrations/:key/functions/:name': ({ key }) => ({
    path: `/integrations/${key}/functions/tasks`,
    query: { type: 'sync' },
    gives: { data: { success: true } },
  }),
  'GET /scripts/config': ({ key }) => ({
    path: '/scripts/config',
    gives: expect.arrayContaining([expect.objectContaining({ providerConfigKey: key })]),
  }),

  'GET /connections': () => ({ path: '/connections', gives: { connections: expect.any(Array) } }),
  'GET /connection': () => ({ path: '/connection', gives: { connections: expect.any(Array) } }),
  'POST /connections': ({ key }) => ({
    path: '/connections',
    body: { provider_config_key: key, connection_id: 'c2', credentials: { type: 'API_KEY', apiKey: 'a' } },
    status: 201,
    gives: { connection_id: 'c2' },
  }),
  'POST /connection': ({ key }) => ({
    path: '/connection',
    body: { provider_config_key: key, connection_id: 'c2', api_key: 'a' },
    status: 201,
  }),
  'GET /connections/:id': (world) => ({ path: '/connections/c1', ...of(world), gives: { connection_id: 'c1' } }),
  'GET /connection/:id': (world) => ({ path: '/connection/c1', ...of(world), gives: { connection_id: 'c1' } }),
  'PATCH /connections/:id': (world) => ({ path: '/connections/c1', ...of(world), body: { tags: { a: 'b' } }, ...DONE }),
  'PATCH /connection/:id': (world) => ({ path: '/connection/c1', ...of(world), body: { tags: { a: 'b' } }, ...DONE }),
  'DELETE /connections/:id': (world) => ({ path: '/connections/c1', ...of(world), ...DONE }),
  'DELETE /connection/:id': (world) => ({ path: '/connection/c1', ...of(world), ...DONE }),
  'POST /connections/metadata': (world) => ({
    path: '/connections/metadata',
    body: { ...whose(world), metadata: { a: 1 } },
    status: 201,
    gives: { metadata: { a: 1 } },
  }),
  'PATCH /connections/metadata': (world) => ({
    path: '/connections/metadata',
    body: { ...whose(world), metadata: { a: 1 } },
    gives: { metadata: { a: 1 } },
  }),
  'POST /connection/metadata': (world) => ({
    path: '/connection/metadata',
    body: { ...whose(world), metadata: { a: 1 } },
    status: 201,
    gives: { metadata: { a: 1 } },
  }),
  'PATCH /connection/metadata': (world) => ({
    path: '/connection/metadata',
    body: { ...whose(world), metadata: { a: 1 } },
    gives: { metadata: { a: 1 } },
  }),
  'POST /connection/:id/metadata': (world) => ({
    path: '/connection/c1/metadata',
    ...of(world),
    body: { a: 1 },
    status: 201,
  }),
  'PATCH /connection/:id/metadata': (world) => ({ path: '/connection/c1/metadata', ...of(world), body: { a: 1 } }),

  'GET /records': async (world) => {
    await begunRun(world);
    return { path: '/records', query: { model: 'Task' }, headers: by(world), gives: { records: [{ id: 'a' }] } };
  },
  'GET /sync/records': async (world) => {
    await begunRun(world);
    return { path: '/sync/records', query: { model: 'Task' }, headers: by(world), gives: [{ id: 'a' }] };
  },
  'PATCH /records/prune': async (world) => {
    await begunRun(world);
    const { body } = await world.api.call('GET', '/records?model=Task', { headers: by(world) });
    const until_cursor = body.records[0]._nango_metadata.cursor;
    const gives = { count: 1, has_more: false };
    return { path: '/records/prune', body: { model: 'Task', until_cursor }, headers: by(world), gives };
  },

  'POST /sync/trigger': (world) => ({ path: '/sync/trigger', ...syncsOf(world), ...DONE }),
  'POST /sync/start': (world) => ({ path: '/sync/start', ...syncsOf(world), ...DONE }),
  'POST /sync/pause': (world) => ({ path: '/sync/pause', ...syncsOf(world), ...DONE }),
  'GET /sync/status': (world) => ({
    path: '/sync/status',
    query: { ...whose(world), syncs: 'tasks' },
    gives: { syncs: [{ name: 'tasks' }] },
  }),
  'PUT /sync/update-connection-frequency': (world) => ({
    path: '/sync/update-connection-frequency',
    body: { ...whose(world), sync_name: 'tasks', frequency: 'every 2h' },
    gives: { frequency: 'every 2h' },
  }),
  'POST /sync/:name/variant/:variant': (world) => ({
    path: '/sync/tasks/variant/blue',
    body: whose(world),
    gives: { variant: 'blue' },
  }),
  'DELETE /sync/:name/variant/:variant': async (world) => {
    await world.api.call('POST', '/sync/tasks/variant/blue', { body: whose(world) });
    return { path: '/sync/tasks/variant/blue', body: whose(world), ...DONE };
  },
  'POST /sync/deletions/confirm': async (world) => {
    const run = await begunRun(world);
    await world.api.db.query(
      `insert into held_deletions (head_id, sync_id, stale, live, held_at)
       select h.id, r.sync_id, 3, 4, r.created_at from runs r join record_heads h on h.connection_id = r.connection_id
       where r.id = $1`,
      [run],
    );
    const body = { ...whose(world), sync_name: 'tasks', model: 'Task', count: 3 };
    return { path: '/sync/deletions/confirm', body, ...DONE };
  },
  'POST /sync/deploy/confirmation': ({ key }) => ({ path: '/sync/deploy/confirmation', body: deployed(key) }),
  'POST /sync/deploy': ({ key }) => ({ path: '/sync/deploy', body: deployed(key), gives: [{ name: 'more' }] }),

  'POST /action/trigger': (world) => {
    world.api.engine.answer({ runAction: ({ runId }) => finish(world, runId).then(() => undefined) });
    return {
      path: '/action/trigger',
      body: { action_name: 'post', input: 1 },
      headers: by(world),
      gives: { ok: true },
    };
  },
  'GET /action/:id': async (world) => {
    const call = { body: { action_name: 'post' }, headers: { ...by(world), 'x-async': 'true' } };
    const { id } = (await world.api.call('POST', '/action/trigger', call)).body;
    await finish(world, id);
    return { path: `/action/${id}`, gives: { ok: true } };
  },
  'POST /mcp': (world) => ({
    path: '/mcp',
    headers: { ...by(world), accept: 'application/json, text/event-stream' },
    body: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
    gives: { result: { tools: [{ name: 'post' }] } },
  }),
  // Its good answer is the refusal that tells a client to send messages one by one.
  'GET /mcp': (world) => ({ path: '/mcp', headers: by(world), status: 405 }),

  'GET /runs': (world) => ({ path: '/runs', query: whose(world), gives: { runs: [{ name: 'tasks' }] } }),
  'GET /runs/:id': async (world) => ({ path: `/runs/${await begunRun(world)}`, gives: { name: 'tasks' } }),
  'POST /runs/:id/cancel': async (world) => ({ path: `/runs/${await begunRun(world)}/cancel` }),
  'GET /runs/:id/journal': async (world) => ({ path: `/runs/${await failedRun(world)}/journal` }),
  // That its connection was created is written after a moment, and may be there or not.
  'GET /logs/operations': (world) => ({
    path: '/logs/operations',
    query: { provider_config_key: world.key, type: 'sync' },
    gives: { operations: [{ name: 'tasks' }] },
  }),
  'GET /logs/operations/:id': async (world) => ({ path: `/logs/operations/${await operationOf(world)}` }),
  'GET /logs/operations/:id/messages': async (world) => ({
    path: `/logs/operations/${await operationOf(world)}/messages`,
    gives: { messages: expect.any(Array) },
  }),
  'GET /audit-log': () => ({ path: '/audit-log' }),

  'GET /environment-variables': () => ({ path: '/environment-variables', gives: [] }),
  'PUT /environment-variables': () => ({ path: '/environment-variables', body: { variables: [] } }),
  'GET /environment/webhooks': () => ({ path: '/environment/webhooks', gives: { data: { on_sync_error: true } } }),
  'PATCH /environment/webhooks': () => ({ path: '/environment/webhooks', body: { on_auth_creation: true } }),
  'POST /environment/webhook-signing-key/rotate': () => ({
    path: '/environment/webhook-signing-key/rotate',
    gives: { data: { signing_key: expect.any(String) } },
  }),
  'GET /environment/api-keys': () => ({ path: '/environment/api-keys', gives: { data: expect.any(Array) } }),
  'POST /environment/api-keys': () => ({
    path: '/environment/api-keys',
    body: { display_name: 'a key' },
    status: 201,
  }),
  'POST /environment/api-keys/:id/rotate': async (world) => ({
    path: `/environment/api-keys/${await apiKeyOf(world)}/rotate`,
    body: {},
    status: 201,
  }),
  'DELETE /environment/api-keys/:id': async (world) => ({ path: `/environment/api-keys/${await apiKeyOf(world)}` }),
  'GET /webhooks/deliveries': () => ({ path: '/webhooks/deliveries' }),
  'GET /webhooks/deliveries/:id': async (world) => ({ path: `/webhooks/deliveries/${await deliveryOf(world)}` }),
  'POST /webhooks/deliveries/:id/replay': async (world) => ({
    path: `/webhooks/deliveries/${await deliveryOf(world)}/replay`,
    status: 202,
  }),
  'POST /webhook/:environment/:key': async ({ api, key }) => {
    const path = await webhookPathOf(api, key);
    return { path, key: null, body: { id: 'e1' }, gives: { received: true } };
  },
};

const made = (path: string): Good => {
  const unique_key = randomUUID();
  return { path, body: { provider: 'tracker', unique_key }, status: 201, gives: { data: { unique_key } } };
};
const deployed = (key: string) => deployment([flow(key, 'more')]);

/** A run of `tasks` that is running and has saved the record `a` of Task. */
export async function begunRun({ api, key }: World): Promise<string> {
  const [{ id: runId }] = (await api.call('GET', `/runs?provider_config_key=${key}`)).body.runs;
  const attempt = await beginAttempt(api.db, { runId, workflowRunId: `w-${runId}`, at: NOW });
  const place = { connectionRow: attempt?.connectionRow ?? '', model: 'Task', variant: 'base', syncId: null };
  const write = { ...place, runId, fence: attempt?.fence ?? -1, ids: ['a'], at: NOW };
  await withTransaction(api.db, (db) => saveRecords(db, write, ['{"id":"a"}']));
  return runId;
}

async function failedRun(world: World): Promise<string> {
  const runId = await begunRun(world);
  const failure = { code: 'script_failed', message: 'no' } as const;
  await endRun(world.api.db, { runId, fence: null, state: 'failed', failure, output: null, at: NOW });
  return runId;
}

async function finish({ api }: World, runId: string): Promise<void> {
  const attempt = await beginAttempt(api.db, { runId, workflowRunId: 'w', at: NOW });
  const end = { runId, fence: attempt?.fence ?? -1, state: 'success', failure: null, at: NOW } as const;
  await endRun(api.db, { ...end, output: '{"ok":true}' });
}

/** The environment's part of it is a public id of its own. */
async function webhookPathOf(api: TestApi, key: string): Promise<string> {
  const { body } = await api.call('GET', `/integrations/${key}?include=webhook`);
  return new URL(body.data.webhook_url).pathname;
}

async function operationOf(world: World): Promise<string> {
  return (await world.api.call('GET', `/logs/operations?provider_config_key=${world.key}`)).body.operations[0].id;
}

async function apiKeyOf({ api }: World): Promise<string> {
  return (await api.call('POST', '/environment/api-keys', { body: { display_name: 'spare' } })).body.data.id;
}

async function deliveryOf({ api, key }: World): Promise<string> {
  const { rows } = await api.db.query(
    `select c.environment_id::text as "environmentId", c.id::text as "connectionRow"
     from connections c join integrations i on i.id = c.integration_id where i.unique_key = $1`,
    [key],
  );
  const sequence = await nextSequence(api.db, rows[0].connectionRow);
  const what = { ...rows[0], runId: null, subject: 'x', type: 'sync', url: 'https://app.test/hook', body: '{}' };
  const id = (await addDelivery(api.db, { ...what, sequence, at: NOW })) ?? '';
  const end = { state: 'delivered', status: 200, error: null, at: NOW, nextAttemptAt: null, tookMs: 1 } as const;
  await noteAttempt(api.db, { id, ...end });
  return id;
}
