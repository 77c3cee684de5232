/** What a call of /proxy does about a limit that was heard of before, by a run or by another call. */
import { once } from 'node:events';
import { request } from 'node:http';
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type LimitScope, noteLimit } from '../../store/api-limits.ts';
import { NOW, useApi } from '../support/api.ts';
import { createTracker } from '../support/deployment.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const api = useApi();
let count = 0;
let id = '';
let row = '';

beforeAll(() => createTracker(api, 'p', []));
// What is known of a connection is known for a second: each test has its own.
beforeEach(async () => {
  count += 1;
  id = `c${count}`;
  const { body } = await api.call('POST', '/connections', {
    body: {
      provider_config_key: 'p',
      connection_id: id,
      credentials: { apiKey: 'x' },
      connection_config: { baseUrl: upstream.url },
    },
  });
  row = String(body.id);
  await api.db.query('delete from integration_limits');
});

const limitFor = (ms: number, scope: LimitScope = 'connection') =>
  noteLimit(api.db, row, { until: new Date(NOW.getTime() + ms), reason: 'used up', scope });

/** Milliseconds until the answer was there. */
async function proxied(method = 'GET', headers: Record<string, string> = {}): Promise<number> {
  const begun = performance.now();
  const all = { 'provider-config-key': 'p', 'connection-id': id, ...headers };
  expect((await api.call(method, '/proxy/x', { headers: all })).status).toBe(200);
  return performance.now() - begun;
}

test.each<[string, LimitScope]>([
  ['GET', 'connection'],
  ['POST', 'connection'],
  ['GET', 'integration'],
])('a %s waits for a limit of its %s that ends soon', async (method, scope) => {
  await limitFor(1_500, scope);
  expect(await proxied(method)).toBeGreaterThanOrEqual(1_490);
  expect(upstream.requests).toHaveLength(1);
});

test('a call that wants no retries goes out at once', async () => {
  await limitFor(9_900);
  expect(await proxied('GET', { retries: '0' })).toBeLessThan(9_000);
});

test('nobody is kept for a limit that is far away: the API itself answers', async () => {
  await limitFor(3_600_000);
  expect(await proxied('GET')).toBeLessThan(60_000);
});

test('a limit that one call hears of holds for the next', async () => {
  upstream.answerWith({ headers: { ratelimit: '"second";r=0;t=2' }, json: {} });
  await proxied();
  expect(await proxied()).toBeGreaterThanOrEqual(1_990);
});

test('callers who have plenty left of a limit stand in no line, and nothing is noted', async () => {
  const LIMIT = 100;
  upstream.handleWith(() => ({
    headers: { ratelimit: `limit=${LIMIT}, remaining=${LIMIT - upstream.requests.length}, reset=60` },
    json: {},
  }));
  for (let sent = 0; sent < 75; sent += 25) await Promise.all(Array.from({ length: 25 }, () => proxied()));
  expect(upstream.requests).toHaveLength(75);
  for (const table of ['connection_limits', 'call_line'])
    expect(await api.db.query(`select from ${table} where connection_id = $1::bigint`, [row])).toMatchObject({
      rowCount: 0,
    });
});

test('callers who wait for one limit stand in line, and give the place up with the last of them', async () => {
  await limitFor(300);
  const waiting = Array.from({ length: 3 }, () => proxied());
  while (((await api.db.query('select from call_line where connection_id = $1::bigint', [row])).rowCount ?? 0) === 0);
  await Promise.all(waiting);
  while (((await api.db.query('select from call_line where connection_id = $1::bigint', [row])).rowCount ?? 0) > 0);
  expect(upstream.requests).toHaveLength(3);
});

test('a caller whose turn does not come goes out after ten seconds', async () => {
  // Somebody else is due and does not come: nobody gets more than four turns ahead, and the clock stands still.
  await api.db.query(
    `insert into call_line (run_id, connection_id, integration_id, turns, due)
     select 'callers:others', id, integration_id, 0, $2::timestamptz from connections where id = $1::bigint`,
    [row, NOW],
  );
  await limitFor(200);
  const waits = (await Promise.all(Array.from({ length: 5 }, () => proxied()))).sort((a, b) => a - b);
  expect(waits[3]).toBeLessThan(9_900);
  expect(waits[4]).toBeGreaterThanOrEqual(9_900);
  expect(upstream.requests).toHaveLength(5);
}, 60_000);

test('a caller that goes away while its call waits causes none', async () => {
  await limitFor(1_000);
  const headers = { 'provider-config-key': 'p', 'connection-id': id, authorization: `Bearer ${api.key}` };
  const gone = request(`${api.url}/proxy/gone`, { headers: { ...headers, expect: '100-continue' } });
  gone.on('error', () => undefined).flushHeaders();
  await once(gone, 'continue');
  gone.destroy();
  await proxied();
  // By the end of another wait it would have gone out.
  await limitFor(1_100);
  await proxied();
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/x', '/x']);
});
