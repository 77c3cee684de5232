/** `/logs`: what becomes an operation, what it says, how the list is narrowed and paged. */
import { createHmac } from 'node:crypto';
import { beforeAll, expect, test } from '@jest/globals';
import { addLogLines } from '../../store/run-logs.ts';
import { beginAttempt } from '../../store/runs.ts';
import { addDelivery, noteAttempt } from '../../store/webhook-deliveries.ts';
import { NOW, useApi } from '../support/api.ts';
import { createOauthIntegration, useAuthorizationServer } from '../support/authorization-server.ts';
import { action, createTracker, deployFlows, flow } from '../support/deployment.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const upstream = useUpstream();
const server = useAuthorizationServer();
const api = useApi();

type Operation = Readonly<Record<string, unknown>> & { readonly id: string };

const list = async (query: Readonly<Record<string, string>>): Promise<Operation[]> => {
  const { status, body, text } = await api.call('GET', `/logs/operations?${new URLSearchParams(query)}`);
  if (status !== 200) throw new Error(text);
  return body.operations;
};
/** They are written a moment after what they tell of. */
const untilListed = (query: Readonly<Record<string, string>>, many = 1): Promise<Operation[]> =>
  until(`list of ${many} by ${JSON.stringify(query)}`, async () => {
    const found = await list(query);
    return found.length >= many && found;
  });
const messagesOf = async ({ id }: { readonly id: string }, query = '') =>
  (await api.call('GET', `/logs/operations/${id}/messages${query}`)).body;
const proxy = (key: string, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  api.call(method, `/proxy${path}`, { headers: { 'provider-config-key': key, 'connection-id': 'c1', ...headers } });

test('a call of /proxy is an operation that tells the exchange without its secrets', async () => {
  await createTracker(api, 'secretive', ['c1'], `${upstream.url}/base`);
  upstream.answerWith({ json: {}, headers: { 'set-cookie': 'session=s3cret', 'x-echo': 'Bearer key of c1' } });
  await proxy('secretive', '/tasks?page=2&api_key=hidden-1&q=key%20of%20c1&page_token=p2', {
    'nango-proxy-x-api-key': 'hidden-2',
    'nango-proxy-x-trace': 'kept',
  });
  const [operation] = await untilListed({ type: 'proxy', provider_config_key: 'secretive' });
  expect(operation).toMatchObject({
    ...{ type: 'proxy', operation: 'call', status: 'success', connection_id: 'c1', name: null, error: null },
    ...{ summary: 'GET /tasks: answered 200', created_at: NOW.toISOString(), run_id: null, delivery_id: null },
  });
  const { messages, next_after } = await messagesOf(operation ?? { id: '' });
  expect([messages.length, next_after]).toEqual([1, null]);
  expect(messages[0]).toMatchObject({
    ...{ seq: 1, level: 'info', message: `GET ${upstream.url}/base/tasks: answered 200` },
    http: {
      request: { method: 'GET', headers: { authorization: '***', 'x-api-key': '***', 'x-trace': 'kept' } },
      response: { status: 200, headers: { 'set-cookie': '***' } },
      duration_ms: expect.any(Number),
    },
  });
  expect(messages[0].http.request.url).toContain('page=2');
  expect(messages[0].http.request.url).toContain('page_token=p2');
  const { rows } = await api.db.query(`select o::text as text from operations o where id = $1`, [operation?.id]);
  for (const secret of ['hidden', 's3cret', 'key of c1', 'key%20of%20c1', 'key+of+c1'])
    expect(rows[0].text).not.toContain(secret);
});

test('each attempt is a message, and an answer above 399 is a failed operation', async () => {
  await createTracker(api, 'trying', ['c1'], upstream.url);
  upstream.answerWith({ status: 503, headers: { 'retry-after': '0' } }, { status: 404 });
  await proxy('trying', '/gone', { retries: '1' });
  const [operation] = await untilListed({ provider_config_key: 'trying', type: 'proxy' });
  expect(operation).toMatchObject({ status: 'failed', summary: 'GET /gone: answered 404', error: null });
  const { messages } = await messagesOf(operation ?? { id: '' });
  expect(messages).toMatchObject([
    { level: 'warn', http: { response: { status: 503 } } },
    { level: 'warn', http: { response: { status: 404 } } },
  ]);
});

test('a call that fails on the way, or never gets so far, says why', async () => {
  await createTracker(api, 'failing', ['c1'], upstream.url);
  upstream.answerWith({ breaks: 'at once' });
  await proxy('failing', '/x', {}, 'POST');
  await proxy('failing', '/x', { 'connection-id': 'nobody' });
  const found = await untilListed({ provider_config_key: 'failing', type: 'proxy', status: 'failed' }, 2);
  expect(found.map(({ connection_id, error }) => [connection_id, (error as { code: string }).code]).sort()).toEqual([
    ['c1', 'upstream_unreachable'],
    ['nobody', 'unknown_connection'],
  ]);
  const broken = found.find(({ connection_id }) => connection_id === 'c1');
  const { messages } = await messagesOf(broken ?? { id: '' });
  expect(messages).toMatchObject([{ level: 'warn', http: { response: null } }, { level: 'error' }]);
});

test('an answer that breaks off is a failure, a caller that goes away a cancellation', async () => {
  await createTracker(api, 'breaking', ['c1'], upstream.url);
  const half = { json: { long: 'x'.repeat(1_000) }, breaks: 'in the body', headers: { 'content-length': '1020' } };
  upstream.answerWith(half as Parameters<typeof upstream.answerWith>[0]);
  await expect(proxy('breaking', '/half')).rejects.toThrow();
  const arrived = Promise.withResolvers<void>();
  upstream.handleWith(() => {
    arrived.resolve();
    return undefined;
  });
  const caller = new AbortController();
  const headers = { 'provider-config-key': 'breaking', 'connection-id': 'c1', authorization: `Bearer ${api.key}` };
  const gone = fetch(`${api.url}/proxy/slow`, { headers, signal: caller.signal }).catch(() => 'gone');
  await arrived.promise;
  caller.abort();
  await gone;
  const found = await untilListed({ provider_config_key: 'breaking', type: 'proxy' }, 2);
  expect(found.map(({ summary, status }) => [summary, status]).sort()).toEqual([
    ['GET /half: upstream_unreachable', 'failed'],
    ['GET /slow: given up by the caller', 'cancelled'],
  ]);
});

test('connections that are made, renewed and refused are operations of type auth', async () => {
  await createTracker(api, 'auth-log', ['c1']);
  await createTracker(api, 'auth-log', ['c1']).catch(() => undefined);
  const body = { provider_config_key: 'auth-log', connection_id: 'c1', credentials: { apiKey: 'another key' } };
  await api.call('POST', '/connections', { body: { ...body, connection_config: { baseUrl: 'http://127.0.0.1:1' } } });
  await api.call('POST', '/connections', { body: { ...body, connection_id: 'c2', credentials: {} } });
  const found = await untilListed({ provider_config_key: 'auth-log', type: 'auth' }, 3);
  expect(found.map(({ operation, status, summary }) => [operation, status, summary]).sort()).toMatchObject([
    ['create_connection', 'failed', expect.stringContaining('not valid')],
    ['create_connection', 'success', "Connection 'c1' was created"],
    ['create_connection', 'success', "Connection 'c1' was given new credentials"],
  ]);
});

test('a sign-in that the provider refuses, and refreshes that work and fail, are there with their reason', async () => {
  await createOauthIntegration(api, 'oauth-log');
  const session = await api.call('POST', '/connect/sessions', { body: { end_user: { id: 'u1' } } });
  const search = new URLSearchParams({ connect_session_token: session.body.data.token, 'params[server]': server.url });
  const left = await api.call('GET', `/oauth/connect/oauth-log?${search}`, { key: null });
  const state = new URL(left.headers.get('location') ?? '').searchParams.get('state') ?? '';
  await api.call('GET', `/oauth/callback?state=${state}&error=access_denied`, { key: null });
  const grant = server.grant();
  await api.call('POST', '/connections', {
    body: {
      ...{ provider_config_key: 'oauth-log', connection_id: 'c1', connection_config: { server: server.url } },
      credentials: { type: 'OAUTH2', ...grant, expires_at: new Date(NOW.getTime() + 3_600_000).toISOString() },
    },
  });
  const fetched = () => api.call('GET', '/connections/c1?provider_config_key=oauth-log&force_refresh=true');
  expect((await fetched()).status).toBe(200);
  server.revokeAll();
  expect((await fetched()).status).toBe(424);
  const found = await untilListed({ provider_config_key: 'oauth-log', type: 'auth' }, 4);
  expect(found.map(({ operation, status }) => `${operation} ${status}`).sort()).toEqual([
    'create_connection failed',
    'create_connection success',
    'refresh_token failed',
    'refresh_token success',
  ]);
  const errors = found.flatMap(({ error }) => (error === null ? [] : [(error as { code: string }).code]));
  expect(errors.sort()).toEqual(['authorization_denied', 'connection_unauthorized']);
  expect(JSON.stringify(found)).not.toContain(grant.access_token);
});

test('a webhook that comes in is one, taken, repeated or refused', async () => {
  await createTracker(api, 'hooks');
  await deployFlows(api, flow('hooks', 'on-hook', { webhookSubscriptions: ['*'] }));
  const { body } = await api.call('GET', '/integrations/hooks?include=webhook');
  const path = new URL(body.data.webhook_url).pathname;
  const event = { type: 'task.changed', connectionId: 'c1', id: 'e1' };
  for (const _ of [1, 2]) await api.call('POST', path, { body: event, key: null });
  const found = await untilListed({ provider_config_key: 'hooks', type: 'webhook', search: 'task.changed' }, 2);
  const sorted = found.map(({ operation, connection_id, summary }) => [operation, summary, connection_id]).sort();
  expect(sorted).toEqual([
    ['incoming', "'task.changed' (event e1) came again and was not handled again", null],
    ['incoming', "'task.changed' (event e1) for 1 connection", 'c1'],
  ]);
  const taken = found.find(({ connection_id }) => connection_id === 'c1');
  expect((await messagesOf(taken ?? { id: '' })).messages[1].message).toBe(
    '1 run of subscribed syncs, passed on 0 times',
  );
});

test('a webhook whose signature is wrong is a failed operation', async () => {
  const credentials = { webhook_secret: 's3cret' };
  await api.call('POST', '/integrations', {
    body: { provider: 'signing-tracker', unique_key: 'signed-log', credentials },
  });
  const { body } = await api.call('GET', '/integrations/signed-log?include=webhook');
  const path = new URL(body.data.webhook_url).pathname;
  const forged = createHmac('sha256', 'guess').update('{}').digest('base64');
  const headers = { 'x-signature': forged, 'content-type': 'application/json' };
  await api.call('POST', path, { raw: '{}', headers, key: null });
  const [operation] = await untilListed({ provider_config_key: 'signed-log', type: 'webhook' });
  expect(operation).toMatchObject({ status: 'failed', error: { code: 'webhook_refused' } });
});

/** Runs and deliveries of one integration, which stand in tables of their own. */
const stored = { sync: '', action: '', delivery: '' };

beforeAll(async () => {
  await createTracker(api, 'stored', ['c1', 'c2']);
  await deployFlows(api, flow('stored', 'tasks', { auto_start: false }), action('stored', 'post'));
  const headers = { 'provider-config-key': 'stored', 'connection-id': 'c1' };
  const started = await api.call('POST', '/sync/trigger', {
    body: { provider_config_key: 'stored', connection_id: 'c1', syncs: ['tasks'] },
  });
  expect(started.status).toBe(200);
  const call = { headers: { ...headers, 'x-async': 'true' }, body: { action_name: 'post' } };
  stored.action = (await api.call('POST', '/action/trigger', call)).body.id;
  stored.sync = (await api.call('GET', '/runs?provider_config_key=stored&name=tasks')).body.runs[0].id;
  const attempt = await beginAttempt(api.db, { runId: stored.sync, workflowRunId: 'w1', at: NOW });
  await addLogLines(
    api.db,
    stored.sync,
    ['debug', 'info', 'warn'].map((level, index) => ({
      ...{ seq: index + 1, at: NOW, level: level as 'info', message: `Needle ${level}` },
    })),
  );
  const error = JSON.stringify({ code: 'script_timed_out', message: 'too long' });
  await api.db.query(`update runs set state = 'failed', error = $2, finished_at = $3 where id = $1`, [
    ...[stored.action, error, new Date(NOW.getTime() + 1_500)],
  ]);
  const { rows } = await api.db.query(`select environment_id::text as id from runs where id = $1`, [stored.sync]);
  const where = { environmentId: rows[0].id, connectionRow: attempt?.connectionRow ?? null, runId: null };
  const what = { subject: 's', type: 'sync', url: 'https://app.test/hook', body: '{}', sequence: '1' };
  stored.delivery = (await addDelivery(api.db, { ...where, ...what, at: NOW })) ?? '';
  const again = new Date(NOW.getTime() + 5_000);
  const first = { id: stored.delivery, state: 'pending', status: 500, error: null, at: NOW, tookMs: 7 } as const;
  await noteAttempt(api.db, { ...first, nextAttemptAt: again });
  await noteAttempt(api.db, { ...first, state: 'delivered', status: 204, at: again, nextAttemptAt: null });
});

test('runs and deliveries are operations as they stand, with their own lines and attempts as messages', async () => {
  const of = async (type: string) =>
    (await list({ provider_config_key: 'stored', type })).map(({ id, status, name, run_id, delivery_id }) => ({
      ...{ id, status, name, run_id, delivery_id },
    }));
  const { sync, action: post, delivery } = stored;
  expect(await of('sync')).toEqual([{ id: sync, status: 'running', name: 'tasks', run_id: sync, delivery_id: null }]);
  expect(await of('action')).toEqual([{ id: post, status: 'timeout', name: 'post', run_id: post, delivery_id: null }]);
  expect(await of('webhook')).toEqual([
    { id: delivery, status: 'success', name: null, run_id: null, delivery_id: delivery },
  ]);
  const one = await api.call('GET', `/logs/operations/${post}`);
  expect(one.body).toMatchObject({ type: 'action', operation: 'run', duration_ms: 1_500, summary: 'too long' });
  expect((await messagesOf({ id: delivery })).messages).toMatchObject([
    { seq: 1, level: 'warn', message: expect.stringMatching(/^Attempt 1: answered 500; the next one is at /) },
    { seq: 2, level: 'info', message: 'Attempt 2: answered 204', http: { response: { status: 204 }, duration_ms: 7 } },
  ]);
});

test('messages are paged by number and narrowed by level and text', async () => {
  const { sync } = stored;
  const page = await messagesOf({ id: sync }, '?limit=2');
  expect([page.messages.length, page.next_after]).toEqual([2, 2]);
  expect(await messagesOf({ id: sync }, '?limit=2&after=2')).toMatchObject({
    messages: [{ seq: 3, level: 'warn', at: NOW.toISOString(), message: 'Needle warn' }],
    next_after: null,
  });
  const seqs = async (query: string) =>
    (await messagesOf({ id: sync }, query)).messages.map(({ seq }: { seq: number }) => seq);
  expect(await seqs('?level=debug,warn')).toEqual([1, 3]);
  expect(await seqs('?search=needle%20INFO')).toEqual([2]);
  expect((await messagesOf({ id: stored.delivery }, '?level=warn')).messages).toHaveLength(1);
  expect((await messagesOf({ id: stored.delivery }, '?search=204&after=1')).messages).toHaveLength(1);
});

test.each<[Record<string, string>, readonly string[]]>([
  [{}, ['delivery', 'run action', 'run sync']],
  [{ status: 'running' }, ['run sync']],
  [{ status: 'running,timeout' }, ['run action', 'run sync']],
  [{ type: 'sync,webhook' }, ['delivery', 'run sync']],
  [{ connection_id: 'c2' }, []],
  [{ name: 'tasks' }, ['run sync']],
  [{ to: NOW.toISOString() }, []],
  [{ from: NOW.toISOString(), to: '2026-01-01T01:00:00.001+01:00' }, ['delivery', 'run action', 'run sync']],
  [{ search: 'needle WARN' }, ['run sync']],
  [{ search: 'too long' }, ['run action']],
  [{ search: 'APP.test' }, ['delivery']],
  [{ search: '100%' }, []],
])('the list narrowed by %j holds %j', async (query, expected) => {
  const all = await list({ provider_config_key: 'stored', ...query });
  const kinds = all
    .filter(({ type }) => type !== 'auth')
    .map(({ type, run_id }) => (run_id === null ? 'delivery' : `run ${type}`));
  expect(kinds.sort()).toEqual(expected);
});

test('pages of any size hold each operation once, in one order, across all kinds and equal times', async () => {
  await createTracker(api, 'paged', ['c1', 'c2', 'c3'], upstream.url);
  await deployFlows(api, flow('paged', 'a'), flow('paged', 'b'));
  for (let n = 0; n < 4; n += 1) await proxy('paged', `/${n}`);
  const whole = await untilListed({ provider_config_key: 'paged', limit: '100' }, 3 + 6 + 4);
  expect(whole).toHaveLength(13);
  for (const search of [undefined, 'c']) {
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = { provider_config_key: 'paged', limit: '3', ...(search && { search }), ...(cursor && { cursor }) };
      const { body } = await api.call('GET', `/logs/operations?${new URLSearchParams(query)}`);
      expect(body.operations.length).toBeLessThanOrEqual(3);
      seen.push(...body.operations.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    }
    expect(seen).toEqual(whole.map(({ id }) => id));
  }
});

test.each(['type=deploy', 'status=done', 'from=yesterday', 'cursor=x', 'limit=0', 'order=asc', 'search='])(
  'the query %s is refused',
  async (query) => {
    const { status, body } = await api.call('GET', `/logs/operations?${query}`);
    expect([status, body.error.code]).toEqual([400, 'invalid_query_params']);
  },
);

test('an unknown operation is a 404 that says where to look', async () => {
  for (const path of ['', '/messages']) {
    const { status, body } = await api.call('GET', `/logs/operations/none${path}`);
    expect([status, body.error.message]).toEqual([404, "Unknown operation 'none': GET /logs/operations lists them."]);
  }
});
