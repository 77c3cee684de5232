import { expect, test } from '@jest/globals';
import { paceOf, rateLimitWindows, spentOf } from '../../outbound/rate-limit.ts';
import { decideRetry, pauseAfter } from '../../outbound/retry.ts';
import { connection, openOutbound } from '../support/outbound.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const now = new Date('2026-01-01T00:00:00Z');
const rules = { retries: 3, retryOn: [], provider: undefined };
const decide = (status: number, headers: Record<string, string>, changes: object = {}) =>
  decideRetry({ status, headers }, { attempt: 0, rules: { ...rules, ...changes }, now, random: () => 0 });

test.each<[string, Record<string, string>, [string, number, number][]]>([
  [
    'a list of windows',
    { ratelimit: '"minute";r=0;t=12, "day";r=900;t=4000' },
    [
      ['minute', 0, 12_000],
      ['day', 900, 4_000_000],
    ],
  ],
  ['one window', { ratelimit: '"default";r=50;t=30' }, [['default', 50, 30_000]]],
  ['drafts 6 and 7', { ratelimit: 'limit=100, remaining=3, reset=5' }, [['default', 3, 5_000]]],
  [
    'the drafts before',
    { 'ratelimit-limit': '10', 'ratelimit-remaining': '0', 'ratelimit-reset': '7' },
    [['default', 0, 7_000]],
  ],
  ['nothing', { 'x-ratelimit-remaining': '0' }, []],
  ['nonsense', { ratelimit: '"a";r=x;t=', 'ratelimit-remaining': '1' }, []],
  ['a window without an end', { ratelimit: '"a";r=0' }, []],
])('the RateLimit fields say: %s', (_, headers, windows) => {
  expect(rateLimitWindows(headers, now).map(({ name, remaining, resetMs }) => [name, remaining, resetMs])).toEqual(
    windows,
  );
});

test('of a minute and a day the spent one decides, of two spent ones the longer (U038)', () => {
  const minute = { ratelimit: '"minute";r=0;t=12, "day";r=900;t=4000' };
  const both = { ratelimit: '"minute";r=0;t=12, "day";r=0;t=4000' };
  expect(decide(429, minute)).toEqual({ retry: true, waitMs: 12_000, askedBy: 'ratelimit' });
  expect(decide(429, both)).toMatchObject({ waitMs: 4_000_000 });
  expect(spentOf(rateLimitWindows({ ratelimit: '"minute";r=1;t=12' }, now))).toBeUndefined();
});

test('a provider that names several headers waits for the longest (U038)', () => {
  const provider = { after: ['x-minute', 'x-day'] };
  expect(decide(429, { 'x-minute': '12', 'x-day': '4000' }, { provider })).toMatchObject({
    waitMs: 4_000_000,
    askedBy: 'x-day',
  });
});

test('a refusal that shows no spent window waits for the shortest; Retry-After beats them all', () => {
  const open = { ratelimit: '"minute";r=5;t=12, "day";r=900;t=4000' };
  expect(decide(429, open)).toMatchObject({ waitMs: 12_000 });
  expect(decide(429, { ...open, 'retry-after': '3' })).toMatchObject({ waitMs: 3_000, askedBy: 'retry-after' });
  expect(decide(503, open)).toMatchObject({ waitMs: 500 });
});

test.each([200, 404, 429])('a limit that answer %s says is used up is a pause for the next call', (status) => {
  const headers = { ratelimit: '"minute";r=0;t=12' };
  expect(pauseAfter({ status, headers }, undefined, now)).toEqual({
    until: new Date('2026-01-01T00:00:12Z'),
    reason: "the limit 'minute' of the API is used up",
  });
});

test.each<[string, Record<string, string>, number | undefined]>([
  ['a fifth of what the policy names', { ratelimit: '"m";r=20;t=10', 'ratelimit-policy': '"m";q=100;w=60' }, 500],
  ['more than that', { ratelimit: '"m";r=21;t=10', 'ratelimit-policy': '"m";q=100;w=60' }, undefined],
  ['a fifth of the limit of drafts 6 and 7', { ratelimit: 'limit=10, remaining=2, reset=5' }, 2_500],
  ['the last of three', { 'ratelimit-limit': '3, 3;w=1', 'ratelimit-remaining': '1', 'ratelimit-reset': '1' }, 1_000],
  ['two of three', { 'ratelimit-limit': '3', 'ratelimit-remaining': '2', 'ratelimit-reset': '1' }, undefined],
  ['five of a limit that nobody tells', { ratelimit: '"m";r=5;t=10' }, 2_000],
  ['six of one', { ratelimit: '"m";r=6;t=10' }, undefined],
  ['little of an hour', { ratelimit: '"hour";r=1;t=3000', 'ratelimit-policy': '"hour";q=5000' }, undefined],
  [
    'little of an hour that is nearly over',
    { ratelimit: '"hour";r=4;t=20', 'ratelimit-policy': '"hour";q=5000' },
    5_000,
  ],
  ['little of a second and of a minute', { ratelimit: '"s";r=1;t=1, "m";r=5;t=50' }, 10_000],
])('where %s is left, calls wait so that it lasts', (_, headers, waitMs) => {
  expect(paceOf(rateLimitWindows(headers, now))?.waitMs).toBe(waitMs);
  const until = pauseAfter({ status: 200, headers }, undefined, now)?.until;
  expect(until).toEqual(waitMs === undefined ? undefined : new Date(now.getTime() + waitMs));
});

test('calls that wait as they are told find something left until the window begins anew, however many there were', () => {
  for (let limit = 1; limit <= 200; limit += 1) {
    let remaining = Math.max(1, Math.floor(limit / 5));
    let resetMs = 60_000;
    for (let pace = paceOf([{ name: 'm', remaining, resetMs, limit }]); pace !== undefined; ) {
      resetMs -= pace.waitMs;
      // A millisecond more for each call at most: every pace is rounded up.
      if (remaining === 1) expect(resetMs).toBeLessThanOrEqual(0);
      remaining -= 1;
      pace = paceOf([{ name: 'm', remaining, resetMs, limit }]);
    }
    expect(remaining).toBe(0);
  }
});

test.each([
  ['seconds', '30'],
  ['a moment (GitLab, DigitalOcean)', String(now.getTime() / 1_000 + 30)],
  ['a date', 'Thu, 01 Jan 2026 00:00:30 GMT'],
])('of RateLimit-Reset in %s the pause is as long', (_, reset) => {
  const headers = { 'ratelimit-limit': '600', 'ratelimit-remaining': '0', 'ratelimit-reset': reset };
  expect(pauseAfter({ status: 200, headers }, undefined, now)?.until).toEqual(new Date('2026-01-01T00:00:30Z'));
});

test("the provider's own counter makes the same pause", () => {
  const provider = { remaining: 'x-left', at: ['x-reset'] };
  const reset = String(Date.parse('2026-01-01T01:00:00Z') / 1_000);
  const pause = pauseAfter({ status: 200, headers: { 'x-left': '0', 'x-reset': reset } }, provider, now);
  expect(pause?.until).toEqual(new Date('2026-01-01T01:00:00Z'));
  expect(pauseAfter({ status: 200, headers: { 'x-left': '1', 'x-reset': reset } }, provider, now)).toBeUndefined();
  const soon = String(Date.parse('2026-01-01T00:00:10Z') / 1_000);
  expect(pauseAfter({ status: 200, headers: { 'x-left': '4', 'x-reset': soon } }, provider, now)).toEqual({
    until: new Date('2026-01-01T00:00:02.500Z'),
    reason: "little is left of the limit 'x-left' of the API, and it is shared out",
  });
});

test('a 429 that names a time is a pause for the next call, also where its own is not tried again', () => {
  const pause = (status: number) => pauseAfter({ status, headers: { 'retry-after': '30' } }, undefined, now)?.until;
  expect(pause(429)).toEqual(new Date('2026-01-01T00:00:30Z'));
  expect(pause(503)).toBeUndefined();
  expect(pauseAfter({ status: 429, headers: {} }, undefined, now)).toBeUndefined();
});

test.each<[string, number, boolean]>([
  ['GET', 503, true],
  ['GET', 429, true],
  ['PUT', 502, true],
  ['DELETE', 504, true],
  ['GET', 500, false],
  ['GET', 401, false],
  ['POST', 503, false],
  ['PATCH', 429, false],
])('a %s that did not ask for retries and is answered %s: tried again %s', async (method, status, again) => {
  const outbound = openOutbound(() => ({ proxy: { base_url: upstream.url } }));
  upstream.answerWith({ status });
  const config = { endpoint: '/x', method: method as 'GET' };
  const answer = await outbound.request(connection(), config, { signal: new AbortController().signal });
  expect([upstream.requests.length, answer.head.status]).toEqual(again ? [2, 200] : [1, status]);
  outbound.close();
});

test('retries: 0 means none', async () => {
  const outbound = openOutbound(() => ({ proxy: { base_url: upstream.url } }));
  upstream.answerWith({ status: 503 });
  const config = { endpoint: '/x', method: 'GET', retries: 0 } as const;
  expect((await outbound.request(connection(), config, { signal: new AbortController().signal })).head.status).toBe(
    503,
  );
  outbound.close();
});

test('a socket cut twice in the middle of the body: the third answer counts (U041)', async () => {
  const outbound = openOutbound(() => ({ proxy: { base_url: upstream.url } }));
  upstream.answerWith(
    { breaks: 'in the body', body: 'x'.repeat(64) },
    { breaks: 'in the body', body: 'x'.repeat(64) },
    { json: { ok: 1 } },
  );
  const answer = await outbound.request(
    connection(),
    { endpoint: '/x', method: 'GET' },
    { signal: new AbortController().signal },
  );
  expect([answer.head.status, Buffer.from(answer.body).toString(), upstream.requests.length]).toEqual([
    200,
    '{"ok":1}',
    3,
  ]);
  outbound.close();
});
