import { expect, test } from '@jest/globals';
import { hashKey } from '../../store/environments.ts';
import { type ApiRequest, NOW, useApi } from '../support/api.ts';
import { createTracker, deployFlows, flow } from '../support/deployment.ts';
import { withTransaction } from '../../store/db.ts';
import { saveRecords } from '../../store/records.ts';
import { beginAttempt } from '../../store/runs.ts';

const operator = { username: 'ada', password: 'lovelace' };
const api = useApi({}, { dashboard: { folder: '/nowhere', operator, isOpen: () => true } });

async function signIn(body: object = { secret_key: api.key }): Promise<string> {
  const answer = await api.call('POST', '/dashboard/session', { key: null, body });
  expect(answer.status).toBe(204);
  return answer.headers.get('set-cookie') ?? '';
}

const cookieOf = (setCookie: string) => setCookie.split(';')[0] ?? '';

/** A call as a page of the dashboard makes it. */
async function fromPage(method: string, path: string, cookie: string, headers: ApiRequest['headers'] = {}) {
  const own = { cookie: cookieOf(cookie), 'x-nango-environment': 'dev', 'sec-fetch-site': 'same-origin' };
  return api.call(method, path, { key: null, headers: { ...own, ...headers } });
}

test('a secret key opens its environment alone, by a cookie that no script reads and no other site sends', async () => {
  const cookie = await signIn();
  expect(cookie).toMatch(/^nango_dashboard=[\w-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
  expect(cookie).not.toContain(api.key);
  expect((await fromPage('GET', '/dashboard/session', cookie)).body).toMatchObject({ environments: ['dev'] });
  expect((await fromPage('GET', '/connections', cookie)).body).toEqual({ connections: [] });
  const other = await fromPage('GET', '/connections', cookie, { 'x-nango-environment': 'prod' });
  expect([other.status, other.body.error.message]).toEqual([
    404,
    expect.stringContaining("signed in to no environment 'prod'"),
  ]);
});

test('who is signed in to one environment does not learn which others there are', async () => {
  const cookie = await signIn();
  const answer = async (name: string) => {
    const { status, text, headers } = await fromPage('GET', '/runs', cookie, { 'x-nango-environment': name });
    const told = [...headers].filter(([header]) => !['date', 'x-request-id'].includes(header));
    return { status, text: text.replaceAll(name, '<name>'), told };
  };
  expect(await answer('prod')).toEqual(await answer('gone'));
  expect((await answer('prod')).status).toBe(404);
});

test('the operator sees every environment; a wrong name or password opens none', async () => {
  const cookie = await signIn(operator);
  expect((await fromPage('GET', '/dashboard/session', cookie)).body).toMatchObject({ environments: ['dev', 'prod'] });
  expect((await fromPage('GET', '/connections', cookie, { 'x-nango-environment': 'prod' })).status).toBe(200);
  for (const body of [{ ...operator, password: 'x' }, { ...operator, username: 'x' }, { secret_key: 'x' }]) {
    const refused = await api.call('POST', '/dashboard/session', { key: null, body });
    expect([refused.status, refused.body.error.code]).toEqual([401, 'unknown_account']);
    expect(refused.headers.get('set-cookie')).toBeNull();
  }
});

test('what another site makes a browser send changes nothing', async () => {
  const cookie = await signIn();
  const foreign: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ];
  for (const headers of foreign) {
    expect((await fromPage('POST', '/runs/x/cancel', cookie, headers)).status).toBe(401);
    expect((await fromPage('POST', '/dashboard/session', cookie, headers)).status).toBe(401);
  }
  // A form can send the cookie, but not our header.
  const form = await api.call('POST', '/runs/x/cancel', { key: null, headers: { cookie: cookieOf(cookie) } });
  expect(form.body.error.code).toBe('missing_auth_header');
  const own = await fromPage('POST', '/runs/x/cancel', cookie, { origin: api.url });
  expect(own.body.error.code).toBe('unknown_run');
});

test('a session ends by its time, with its key, by signing out, and when somebody changed a byte of it', async () => {
  const cookie = await signIn();
  const refusal = async (with_: string) => (await fromPage('GET', '/runs', with_)).body.error?.code;
  expect(await refusal(cookie)).toBeUndefined();
  expect(await refusal(cookie.replace(/=(..)/, (_, two) => `=${two === 'AA' ? 'BB' : 'AA'}`))).toBe('invalid_session');
  expect(await refusal('nango_dashboard=nonsense')).toBe('invalid_session');
  const out = await fromPage('DELETE', '/dashboard/session', cookie);
  expect(out.headers.get('set-cookie')).toContain('nango_dashboard=; Path=/; Max-Age=0');
  api.setTime(new Date(NOW.getTime() + 12 * 3_600_000));
  expect(await refusal(cookie)).toBe('invalid_session');
  api.setTime(NOW);
  await api.db.query('delete from api_keys where hash = $1', [hashKey(api.key)]);
  expect(await refusal(cookie)).toBe('invalid_session');
  await api.db.query(
    `insert into api_keys (environment_id, hash, prefix, created_at) select id, $1, 'x', $2 from environments where name = 'dev'`,
    [hashKey(api.key), NOW],
  );
  expect(await refusal(cookie)).toBeUndefined();
});

test('the overview counts runs by hour and outcome, and names what waits or failed last', async () => {
  await createTracker(api, 'overview', ['c1', 'c2']);
  await deployFlows(api, flow('overview', 'tasks'));
  const { runs } = (await api.call('GET', '/runs?provider_config_key=overview')).body;
  await api.db.query(`update runs set state = 'failed', finished_at = $2 where id = $1`, [runs[0].id, NOW]);
  const { body } = await api.call('GET', '/dashboard/overview?hours=24');
  expect(body).toMatchObject({
    hours: [{ hour: NOW.toISOString(), runs: { failed: 1, queued: 1 }, records: 0 }],
    trouble: [{ id: runs[0].id, state: 'failed' }],
    totals: { integrations: 1, connections: 2, broken_connections: 0, scripts: 1 },
    queue_lag_ms: 0,
  });
  api.setTime(new Date(NOW.getTime() + 90_000));
  expect((await api.call('GET', '/dashboard/overview')).body.queue_lag_ms).toBe(90_000);
  expect((await api.call('GET', '/dashboard/overview', { key: api.otherKey })).body).toMatchObject({
    hours: [],
    trouble: [],
    totals: { integrations: 0, connections: 0 },
  });
  expect((await api.call('GET', '/runs?state=failed')).body.runs).toMatchObject([{ id: runs[0].id }]);
  expect((await api.call('GET', '/runs?state=broken')).status).toBe(400);
});

test('a connection is shown without its credentials', async () => {
  await createTracker(api, 'masked');
  const { body, text } = await api.call('GET', '/dashboard/connections/c1?provider_config_key=masked');
  expect(body).toMatchObject({ connection_id: 'c1', credentials: { type: 'API_KEY', apiKey: '••••••••' } });
  const full = await api.call('GET', '/connections/c1?provider_config_key=masked');
  expect(text).not.toContain(full.body.credentials.apiKey);
  expect((await api.call('GET', '/dashboard/connections/c9?provider_config_key=masked')).status).toBe(404);
});

test('records are listed by the beginning of each, however long they are, and page to the end', async () => {
  await createTracker(api, 'previews');
  await deployFlows(api, flow('previews', 'tasks'));
  const { id } = (await api.call('GET', '/runs?provider_config_key=previews')).body.runs[0];
  const attempt = await beginAttempt(api.db, { runId: id, workflowRunId: 'w1', at: NOW });
  const write = { connectionRow: attempt?.connectionRow ?? '', model: 'Task', variant: 'base', syncId: null };
  const long = 'x'.repeat(5_000_000);
  const payloads = [1, 2, 3].map((number) => JSON.stringify({ id: number, title: '<b>bold</b>', long }));
  await withTransaction(api.db, (db) =>
    saveRecords(db, { ...write, runId: id, fence: 1, ids: ['1', '2', '3'], at: NOW }, payloads),
  );
  const headers = { 'provider-config-key': 'previews', 'connection-id': 'c1' };
  const page = async (query: string) => api.call('GET', `/dashboard/records?model=Task${query}`, { headers });
  const seen: unknown[] = [];
  let cursor = '';
  for (let pages = 0; ; pages += 1) {
    const { body, text } = await page(cursor);
    expect(text.length).toBeLessThan(10_000);
    seen.push(...body.records.map((record: { id: unknown }) => record.id));
    if (body.next_cursor === null) break;
    expect(pages).toBeLessThan(4);
    cursor = `&cursor=${body.next_cursor}`;
  }
  expect(seen).toEqual([1, 2, 3]);
  expect((await page('&id=2')).body).toMatchObject({
    records: [
      { id: 2, characters: expect.any(Number), last_action: 'ADDED', preview: expect.stringMatching(/^.{160}…$/) },
    ],
    next_cursor: null,
  });
  expect((await page('&filter=deleted')).body.records).toEqual([]);
  expect((await page('&cursor=nonsense')).status).toBe(400);
  const unknown = await api.call('GET', '/dashboard/records?model=Nothing', { headers });
  expect(unknown.body.error.code).toBe('unknown_model');
});

test('pages that are not built yet say so; a program at the same address gets JSON', async () => {
  const page = await api.call('GET', '/', { key: null, headers: { accept: 'text/html' } });
  expect([page.status, page.text]).toEqual([503, expect.stringContaining('being built')]);
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[\w+/=]{24}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  );
  expect(page.headers.get('x-frame-options')).toBe('DENY');
  // Another answer, another nonce; and the connect page, which stands in frames of others, differs in that alone.
  const connect = await api.call('GET', '/connect', { key: null, headers: { accept: 'text/html' } });
  const framed = connect.headers.get('content-security-policy') ?? '';
  expect(framed).not.toBe(policy);
  const nonce = /'nonce-[^']*'/;
  expect(framed.replace(nonce, '')).toBe(
    policy.replace(nonce, '').replace("frame-ancestors 'none'", 'frame-ancestors *'),
  );
  expect((await api.call('GET', '/', { key: null })).body).toMatchObject({ name: 'nango-temporal' });
});
