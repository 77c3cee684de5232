import { expect, test } from '@jest/globals';
import { decideRetry, type Outcome, type RetryRules } from '../../outbound/retry.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const NOW_S = NOW.getTime() / 1000;

function decide(outcome: Outcome, rules: Partial<RetryRules> = {}, attempt = 0) {
  const full = { retries: 3, retryOn: [], provider: undefined, ...rules };
  return decideRetry(outcome, { attempt, rules: full, now: NOW, random: () => 0.5 });
}
const answer = (status: number, headers: Record<string, string> = {}): Outcome => ({ status, headers });

test.each([[200], [304], [400], [401], [404], [409]])('an answer %i is never tried again', (status) => {
  expect(decide(answer(status))).toEqual({ retry: false });
});

test.each([[429], [500], [502], [503], [504]])('an answer %i is tried again while retries last', (status) => {
  expect(decide(answer(status))).toMatchObject({ retry: true });
  expect(decide(answer(status), { retries: 0 })).toEqual({ retry: false });
  expect(decide(answer(status), { retries: 2 }, 2)).toEqual({ retry: false });
});

test.each([
  ['ECONNRESET', true],
  ['ECONNREFUSED', true],
  ['ETIMEDOUT', true],
  ['EAI_AGAIN', true],
  ['ENOTFOUND', false],
  ['CERT_HAS_EXPIRED', false],
])('network failure %s is tried again: %s', (networkCode, retry) => {
  expect(decide({ networkCode })).toMatchObject({ retry });
});

test('retryOn adds statuses', () => {
  expect(decide(answer(404), { retryOn: [404] })).toMatchObject({ retry: true });
});

test.each([
  [0, 750],
  [1, 1500],
  [2, 3000],
  [3, 6000],
  [4, 7500],
  [9, 7500],
])('attempt %i backs off %i ms', (attempt, waitMs) => {
  expect(decide(answer(500), { retries: 10 }, attempt)).toEqual({ retry: true, waitMs });
});

test.each([
  ['2', 2_000],
  ['0.3', 300],
  ['0', 0],
  [new Date(NOW.getTime() + 90_000).toUTCString(), 90_000],
])('Retry-After %s waits %i ms for any provider', (text, waitMs) => {
  expect(decide(answer(503, { 'retry-after': text }))).toEqual({ retry: true, waitMs, askedBy: 'retry-after' });
});

test.each([['-1'], ['soon'], ['Infinity'], [''], ['Thu, 01 Jan 1998 00:00:00 GMT']])(
  'Retry-After %p names no wait, so we back off',
  (text) => {
    expect(decide(answer(429, { 'retry-after': text }))).toEqual({ retry: true, waitMs: 750 });
  },
);

test.each([
  ['epoch seconds', String(NOW_S + 60)],
  ['epoch milliseconds', String(NOW.getTime() + 60_000)],
  ['a date', '2026-01-01T00:01:00Z'],
])('retry.at reads %s', (_, text) => {
  const decision = decide(answer(429, { 'x-reset': text }), { provider: { at: ['X-Reset'] } });
  expect(decision).toEqual({ retry: true, waitMs: 60_000, askedBy: 'x-reset' });
});

test('the longest of several headers wins, and at beats after beats Retry-After', () => {
  const headers = { 'x-minute': '5', 'x-day': '50', 'x-reset': String(NOW_S + 7), 'retry-after': '99' };
  expect(decide(answer(429, headers), { provider: { after: ['x-day', 'x-minute'] } })).toMatchObject({
    waitMs: 50_000,
  });
  expect(decide(answer(429, headers), { provider: { at: ['x-reset'], after: ['x-day'] } })).toMatchObject({
    waitMs: 7_000,
  });
});

test('a reset header in the past falls through to Retry-After', () => {
  const headers = { 'x-reset': String(NOW_S - 5), 'retry-after': '3' };
  expect(decide(answer(429, headers), { provider: { at: ['x-reset'] } })).toMatchObject({ waitMs: 3_000 });
});

test('a spent limit is retried whatever the status of the refusal, at its reset', () => {
  const provider = { at: ['x-reset'], remaining: 'x-left' };
  expect(decide(answer(403, { 'x-left': '0', 'x-reset': String(NOW_S + 9) }), { provider })).toMatchObject({
    waitMs: 9_000,
  });
  expect(decide(answer(403, { 'x-left': '5', 'x-reset': String(NOW_S + 9) }), { provider })).toEqual({ retry: false });
});

test.each([
  ['at', String(NOW_S + 3_600)],
  ['after', '3600'],
])('a 502 does not wait for the end of a window that is not spent, as retry.%s names it', (key, reset) => {
  const provider = { [key]: ['x-reset'], remaining: 'x-left' };
  const backOff = { retry: true, waitMs: 750 };
  expect(decide(answer(502, { 'x-left': '5', 'x-reset': reset }), { provider })).toEqual(backOff);
  expect(decide(answer(502, { 'x-left': '5.0', 'x-reset': reset, 'retry-after': '3' }), { provider })).toMatchObject({
    waitMs: 3_000,
    askedBy: 'retry-after',
  });
  for (const left of ['0', '0.0'])
    for (const status of [403, 429, 502])
      expect(decide(answer(status, { 'x-left': left, 'x-reset': reset }), { provider })).toMatchObject({
        waitMs: 3_600_000,
      });
});

test("a refusal that is not the window's own waits as its Retry-After says", () => {
  const provider = { at: ['x-reset'], remaining: 'x-left' };
  const headers = { 'x-left': '4990', 'x-reset': String(NOW_S + 3_000), 'retry-after': '60' };
  expect(decide(answer(429, headers), { provider })).toMatchObject({ waitMs: 60_000, askedBy: 'retry-after' });
});

test.each([
  ['at', '45', 45_000],
  ['after', String(NOW_S + 45), 45_000],
  ['after', String(NOW.getTime() + 45_000), 45_000],
])('a wait under retry.%s that reads %s is what it can only be', (key, text, waitMs) => {
  expect(decide(answer(429, { 'x-reset': text }), { provider: { [key]: ['x-reset'] } })).toMatchObject({ waitMs });
});

test.each([
  ['{"parameters":{"retry_after":35}}', 'parameters.retry_after', '(\\d+)', 'after', 35_000],
  ['{"message":"Try again in 7 seconds"}', 'message', '/in (\\d+) seconds/', 'after', 7_000],
  ['{"error":{"reset":"2026-01-01T00:02:00Z"}}', 'error.reset', '(.+)', 'at', 120_000],
] as const)('the body %s names its wait', (text, path, value, strategy, waitMs) => {
  const provider = { in_body: { path, value, strategy } };
  expect(decide({ status: 429, headers: {}, text: () => text }, { provider })).toEqual({
    retry: true,
    waitMs,
    askedBy: path,
  });
});

test.each(['no json', 'null', '{"a":{}}', '{"a":"soon"}'])('the body %s names no wait, so Retry-After does', (text) => {
  const provider = { in_body: { path: 'a', value: '(\\d+)', strategy: 'after' as const } };
  const refusal = { status: 429, headers: { 'retry-after': '3' }, text: () => text };
  expect(decide(refusal, { provider })).toMatchObject({ waitMs: 3_000 });
});

test.each([
  ['5xx', 503, true],
  ['500-502', 502, true],
  ['500-502', 503, false],
  ['403', 403, true],
  ['403', 429, false],
])('error_code %s retries %i: %s', (pattern, status, retry) => {
  expect(decide(answer(status), { provider: { error_code: [pattern] } })).toMatchObject({ retry });
});
