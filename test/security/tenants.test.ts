/**
 * Nothing of one environment answers to another's key. Every route of the app is asked with ids of `dev` by the key of
 * `prod`, and has to answer exactly as it does for ids that nobody has. A route that is new and takes more than ids in
 * its path needs a line here: the first test says which.
 */
import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from '@jest/globals';
import { withTransaction } from '../../store/db.ts';
import { saveRecords } from '../../store/records.ts';
import { beginAttempt } from '../../store/runs.ts';
import { addDelivery, nextSequence } from '../../store/webhook-deliveries.ts';
import { type ApiAnswer, type ApiRequest, NOW, useApi } from '../support/api.ts';
import { action, createTracker, deployFlows, deployment, flow } from '../support/deployment.ts';

type Ids = {
  readonly integration: string;
  readonly connection: string;
  readonly sync: string;
  readonly action: string;
  readonly run: string;
  readonly actionRun: string;
  readonly delivery: string;
  readonly apiKey: string;
};
type Question = readonly [method: string, path: string, request?: ApiRequest];

const api = useApi();
const GHOSTS: Ids = {
  integration: 'no-tracker',
  connection: 'no-customer',
  sync: 'no-sync',
  action: 'no-action',
  run: randomUUID(),
  actionRun: randomUUID(),
  delivery: randomUUID(),
  apiKey: '999999999',
};
let ids: Ids = GHOSTS;
/** Of a record of `dev`; a cursor belongs to no environment, the rows it is used on do. */
let cursor = '';

/** Routes whose ids are in the body, the query or the headers. Those with ids in the path alone are asked without it. */
const QUESTIONS: Readonly<Record<string, (ids: Ids) => Question>> = {
  'POST /sync/trigger': (is) => ['POST', '/sync/trigger', { body: { ...named(is), syncs: [is.sync] } }],
  'POST /sync/pause': (is) => ['POST', '/sync/pause', { body: { ...named(is), syncs: [is.sync] } }],
  'POST /sync/start': (is) => ['POST', '/sync/start', { body: { ...named(is), syncs: [is.sync] } }],
  'GET /sync/status': (is) => ['GET', `/sync/status?${query({ ...named(is), syncs: is.sync })}`],
  'POST /sync/deletions/confirm': (is) => [
    'POST',
    '/sync/deletions/confirm',
    { body: { ...named(is), sync_name: is.sync, model: 'Task', count: 1 } },
  ],
  'POST /action/trigger': (is) => [
    'POST',
    '/action/trigger',
    { headers: { ...headers(is), 'x-async': 'true' }, body: { action_name: is.action } },
  ],
  'POST /mcp': (is) => [
    'POST',
    '/mcp',
    { headers: headers(is), body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } },
  ],
  'GET /records': (is) => ['GET', '/records?model=Task', { headers: headers(is) }],
  'GET /sync/records': (is) => ['GET', '/sync/records?model=Task', { headers: headers(is) }],
  'PATCH /records/prune': (is) => [
    'PATCH',
    '/records/prune',
    { headers: headers(is), body: { model: 'Task', until_cursor: cursor } },
  ],
  'GET /proxy': (is) => ['GET', '/proxy/tasks', { headers: headers(is) }],
  'POST /connections/metadata': (is) => ['POST', '/connections/metadata', { body: { ...named(is), metadata: {} } }],
  'PATCH /connections/metadata': (is) => ['PATCH', '/connections/metadata', { body: { ...named(is), metadata: {} } }],
  'POST /connection/metadata': (is) => ['POST', '/connection/metadata', { body: { ...named(is), metadata: {} } }],
  'PATCH /connection/metadata': (is) => ['PATCH', '/connection/metadata', { body: { ...named(is), metadata: {} } }],
  'GET /connections/:id': (is) => ['GET', `/connections/${is.connection}?provider_config_key=${is.integration}`],
  'GET /connection/:id': (is) => ['GET', `/connection/${is.connection}?provider_config_key=${is.integration}`],
  'PATCH /connections/:id': (is) => [
    'PATCH',
    `/connections/${is.connection}?provider_config_key=${is.integration}`,
    { body: { tags: { stolen: 'yes' } } },
  ],
  'PATCH /connection/:id': (is) => [
    'PATCH',
    `/connection/${is.connection}?provider_config_key=${is.integration}`,
    { body: { tags: { stolen: 'yes' } } },
  ],
  'DELETE /connections/:id': (is) => ['DELETE', `/connections/${is.connection}?provider_config_key=${is.integration}`],
  'DELETE /connection/:id': (is) => ['DELETE', `/connection/${is.connection}?provider_config_key=${is.integration}`],
  'POST /connections': (is) => [
    'POST',
    '/connections',
    { body: { provider_config_key: is.integration, connection_id: 'mine', credentials: { apiKey: 'x' } } },
  ],
  'POST /connection': (is) => [
    'POST',
    '/connection',
    { body: { provider_config_key: is.integration, connection_id: 'mine', api_key: 'x' } },
  ],
  'PATCH /integrations/:key': (is) => [
    'PATCH',
    `/integrations/${is.integration}`,
    { body: { display_name: 'stolen' } },
  ],
  'PUT /config': (is) => [
    'PUT',
    '/config',
    { body: { provider: 'tracker', provider_config_key: is.integration, oauth_client_id: 'stolen' } },
  ],
  'POST /connect/sessions': (is) => [
    'POST',
    '/connect/sessions',
    { body: { end_user: { id: 'eve' }, allowed_integrations: [is.integration] } },
  ],
  'POST /connect/sessions/reconnect': (is) => [
    'POST',
    '/connect/sessions/reconnect',
    { body: { connection_id: is.connection, integration_id: is.integration, end_user: { id: 'eve' } } },
  ],
  'POST /connection/:id/metadata': (is) => ['POST', `/connection/${is.connection}/metadata?${of(is)}`, { body: {} }],
  'PATCH /connection/:id/metadata': (is) => ['PATCH', `/connection/${is.connection}/metadata?${of(is)}`, { body: {} }],
  'GET /dashboard/connections/:id': (is) => ['GET', `/dashboard/connections/${is.connection}?${of(is)}`],
  'PUT /sync/update-connection-frequency': (is) => [
    'PUT',
    '/sync/update-connection-frequency',
    { body: { ...named(is), sync_name: is.sync, frequency: 'every hour' } },
  ],
  'POST /sync/:name/variant/:variant': (is) => ['POST', `/sync/${is.sync}/variant/mine`, { body: named(is) }],
  'DELETE /sync/:name/variant/:variant': (is) => ['DELETE', `/sync/${is.sync}/variant/mine`, { body: named(is) }],
  'DELETE /integrations/:key/functions/:name': (is) => [
    'DELETE',
    `/integrations/${is.integration}/functions/${is.sync}?type=sync`,
  ],
  'POST /sync/deploy': (is) => ['POST', '/sync/deploy', { body: deployment([flow(is.integration, 'mine')]) }],
  'POST /sync/deploy/confirmation': (is) => [
    'POST',
    '/sync/deploy/confirmation',
    { body: deployment([flow(is.integration, 'mine')]) },
  ],
};

/** What names nothing of an environment, or is opened by another secret than its key. */
const WITHOUT_IDS = new Set([
  ...['POST /integrations', 'POST /cli/telemetry', 'PATCH /environment/webhooks', 'PUT /environment-variables'],
  ...['POST /environment/webhook-signing-key/rotate', 'POST /integrations/quickstart'],
  ...['POST /environment/api-keys', 'POST /config'],
  ...['POST /dashboard/session', 'DELETE /dashboard/session'],
  ...['GET /connect/session', 'DELETE /connect/session', 'GET /oauth/callback', 'GET /app-auth/connect'],
]);
const BY_SESSION = /^(GET \/oauth\/connect|POST \/(\w+-)?(auth|oauth2)\/|POST \/api-auth\/)/;

beforeAll(async () => {
  await createTracker(api, 'tracker-of-dev', ['customer-of-dev']);
  await deployFlows(api, flow('tracker-of-dev', 'sync-of-dev'), action('tracker-of-dev', 'action-of-dev'));
  const run = (await api.call('GET', '/runs')).body.runs[0].id;
  const attempt = await beginAttempt(api.db, { runId: run, workflowRunId: 'w1', at: NOW });
  const connectionRow = attempt?.connectionRow ?? '';
  const scope = { connectionRow, model: 'Task', variant: 'base' };
  const write = { ...scope, runId: run, fence: 1, syncId: null, ids: ['a'], at: NOW };
  await withTransaction(api.db, (db) => saveRecords(db, write, ['{"id":"a"}']));
  const named = { integration: 'tracker-of-dev', connection: 'customer-of-dev' };
  const call = { headers: { ...headers(named), 'x-async': 'true' }, body: { action_name: 'action-of-dev' } };
  const actionRun = (await api.call('POST', '/action/trigger', call)).body.id;
  const { rows } = await api.db.query<{ id: string }>(`select id::text from environments where name = 'dev'`);
  const delivery = await addDelivery(api.db, {
    ...{ environmentId: rows[0]?.id ?? '', connectionRow, runId: null, subject: 'x', type: 'sync' },
    ...{ url: 'https://app.of.dev/hook', body: '{}', sequence: await nextSequence(api.db, connectionRow), at: NOW },
  });
  const variables = { variables: [{ name: 'SECRET', value: 'value-of-dev' }] };
  await api.call('PUT', '/environment-variables', { body: variables });
  await api.call('PATCH', '/environment/webhooks', { body: { primary_url: 'https://app.of.dev/hook' } });
  const apiKey = (await api.call('POST', '/environment/api-keys', { body: { display_name: 'of dev' } })).body.data.id;
  const records = await api.call('GET', '/records?model=Task', { headers: headers(named) });
  cursor = records.body.records[0]._nango_metadata.cursor;
  ids = { ...named, sync: 'sync-of-dev', action: 'action-of-dev', run, actionRun, delivery: delivery ?? '', apiKey };
});

test('every route is asked', () => {
  const asked = [...api.routes()].map(([method, path]) => `${method} ${path}`).filter((route) => !isLooked(route));
  expect(api.routes().length).toBeGreaterThan(40);
  expect(asked).toEqual([]);
});

test('lists show nothing of another environment', async () => {
  const lists = api.routes().filter(([method, path]) => method === 'GET' && !path.includes(':'));
  for (const [, path] of lists) {
    const { text } = await api.call('GET', path, { key: api.otherKey });
    const { apiKey, ...named } = ids;
    expect(text).not.toContain(`"id":"${apiKey}"`);
    for (const mine of [...Object.values(named), 'value-of-dev', 'app.of.dev']) expect(text).not.toContain(mine);
  }
  expect(lists.length).toBeGreaterThan(5);
});

test('ids of another environment answer as ids that nobody has', async () => {
  const differing: unknown[] = [];
  for (const ask of questions()) {
    const [real, ghost] = [await answer(ask(ids), api.otherKey), await answer(ask(GHOSTS), api.otherKey)];
    if (real !== ghost || real.startsWith('2')) differing.push({ question: ask(ids), real, ghost });
  }
  expect(differing).toEqual([]);
});

test('so they do where the other environment has an integration of the same name', async () => {
  const made = { provider: 'tracker', unique_key: ids.integration };
  expect((await api.call('POST', '/integrations', { body: made, key: api.otherKey })).status).toBeLessThan(300);
  const ghosts = { ...GHOSTS, integration: ids.integration };
  const differing: unknown[] = [];
  for (const ask of questions().filter((each) => JSON.stringify(each(ids)).includes(ids.connection))) {
    const [real, ghost] = [await answer(ask(ids), api.otherKey), await answer(ask(ghosts), api.otherKey)];
    if (real !== ghost || real.startsWith('2')) differing.push({ question: ask(ids), real, ghost });
  }
  expect(differing).toEqual([]);
  await api.call('DELETE', `/integrations/${ids.integration}`, { key: api.otherKey });
});

test('a connect session of one environment opens no integration of another', async () => {
  const session = { end_user: { id: 'eve' } };
  const opened = await api.call('POST', '/connect/sessions', { body: session, key: api.otherKey });
  const headers = { authorization: `Bearer ${opened.body.data.token}` };
  for (const [method, path] of api.routes().filter(([verb, path]) => BY_SESSION.test(`${verb} ${path}`))) {
    const ask = ({ integration }: Ids): Question => [method, path.replace(':key', integration), { headers, body: {} }];
    const sent = (is: Ids): Question => (method === 'GET' ? [ask(is)[0], ask(is)[1], { headers }] : ask(is));
    expect(await answer(sent(ids), null)).toBe(await answer(sent(GHOSTS), null));
  }
});

test('the owner is answered otherwise, so the questions above are real ones', async () => {
  const same: unknown[] = [];
  // What deletes comes last, or there is nothing left to ask for.
  const all = questions().sort((a, b) => Number(a(ids)[0] === 'DELETE') - Number(b(ids)[0] === 'DELETE'));
  for (const ask of all) {
    // The integration that this would delete has been deleted under its newer name.
    if (ask(ids).join(' ').startsWith('DELETE /config/')) continue;
    const [real, ghost] = [await answer(ask(ids), api.key), await answer(ask(GHOSTS), api.key)];
    if (real === ghost) same.push({ question: ask(ids), real });
  }
  expect(same).toEqual([]);
});

/** The questions of the table, and each other route with ids of every kind in its path. */
function questions(): ((ids: Ids) => Question)[] {
  const byPath = api.routes().filter(([method, path]) => path.includes(':') && !isSpecial(`${method} ${path}`));
  return [
    ...Object.values(QUESTIONS),
    ...byPath.map(
      ([method, path]) =>
        (is: Ids): Question => [method, filled(path, is)],
    ),
  ];
}

function isSpecial(route: string): boolean {
  // Providers are of no environment; whoever knows a webhook's address may call it, and a client's address is for all.
  const isOpen = /^(GET \/providers|POST \/webhook|GET \/oauth\/client-metadata)\//.test(route);
  return isOpen || route in QUESTIONS || BY_SESSION.test(route);
}

/** Whether one of the tests asks the route. */
function isLooked(route: string): boolean {
  const takesIds = route.includes(':') || !route.startsWith('GET ');
  return !takesIds || isSpecial(route) || WITHOUT_IDS.has(route) || /^(GET|DELETE|POST) \S*:/.test(route);
}

function filled(path: string, is: Ids): string {
  const kinds = { webhooks: is.delivery, action: is.actionRun, environment: is.apiKey } as const;
  const id = kinds[path.split('/')[1] as keyof typeof kinds] ?? is.run;
  return path.replace(':key', is.integration).replace(':name', is.sync).replace(':id', id);
}

function named(is: Pick<Ids, 'integration' | 'connection'>) {
  return { provider_config_key: is.integration, connection_id: is.connection };
}

function of({ integration }: Pick<Ids, 'integration'>): string {
  return query({ provider_config_key: integration });
}

function headers(is: Pick<Ids, 'integration' | 'connection'>) {
  return { 'provider-config-key': is.integration, 'connection-id': is.connection };
}

function query(parameters: Readonly<Record<string, string>>): string {
  return new URLSearchParams(parameters).toString();
}

/** Status and text, in which the names asked for stand as placeholders. */
async function answer([method, path, request]: Question, key: string | null): Promise<string> {
  const given: ApiAnswer = await api.call(method, path, { key, ...request });
  const names = [ids, GHOSTS].flatMap((is) => Object.entries(is));
  // The id of a key is a number, which may stand in any text.
  const text = names.reduce(
    (all, [kind, name]) =>
      kind === 'apiKey' ? all.replaceAll(`'${name}'`, `'<${kind}>'`) : all.replaceAll(name, `<${kind}>`),
    given.text,
  );
  return `${given.status} ${text}`;
}
