import { beforeAll, expect, test } from '@jest/globals';
import { beginAttempt, endRun, type RunEnd, type StoredFailure } from '../../store/runs.ts';
import { NOW, useApi } from '../support/api.ts';
import { action, createTracker, deployFlows } from '../support/deployment.ts';

const api = useApi();
const HEADERS = { 'provider-config-key': 'chat', 'connection-id': 'c1' };
const act = (body: Record<string, unknown>, headers: Record<string, string> = HEADERS) =>
  api.call('POST', '/action/trigger', { body, headers });

beforeAll(async () => {
  await createTracker(api, 'chat');
  await deployFlows(api, action('chat', 'post'));
});

/** The worker's part: the run ends like this. */
function ends(how: Partial<RunEnd>): void {
  api.engine.answer({
    runAction: async ({ runId }) => {
      const attempt = await beginAttempt(api.db, { runId, workflowRunId: 'w', at: NOW });
      const end = {
        runId,
        fence: attempt?.fence ?? -1,
        state: 'success',
        failure: null,
        output: null,
        requests: 0,
        at: NOW,
      } as const;
      await endRun(api.db, { ...end, ...how });
    },
  });
}

/** The id of the run that the engine was handed last. */
function lastRun(): string {
  const [, run] = api.engine.calls.at(-1) ?? [];
  return (run as { runId: string }).runId;
}

test('an action answers its output exactly as the script wrote it', async () => {
  ends({ output: '{"ts": 1.50,  "ok":true}' });
  const { status, text } = await act({ action_name: 'post', input: { text: 'hi' } });
  expect([status, text]).toEqual([200, '{"ts": 1.50,  "ok":true}']);
});

test('an action without output answers null', async () => {
  ends({ output: null });
  expect(await act({ action_name: 'post' })).toMatchObject({ status: 200, text: 'null' });
});

test.each([
  [{ text: 'hi', n: [1, null] }, '{"text":"hi","n":[1,null]}'],
  ['just text', '"just text"'],
  [null, 'null'],
  [undefined, null],
  ['with \u0000', '"with \\u0000"'],
])('the input %j is kept as %s for the script', async (input, stored) => {
  ends({});
  await act({ action_name: 'post', input });
  const { rows } = await api.db.query('select input from runs where id = $1', [lastRun()]);
  expect(rows).toEqual([{ input: stored }]);
});

test.each<[StoredFailure, number, Record<string, unknown>]>([
  [
    { code: 'script_failed', message: 'boom', location: { file: 'post.ts', line: 3, column: 1 } },
    424,
    { location: { file: 'post.ts', line: 3 } },
  ],
  [{ code: 'action_failed', message: 'no channel', payload: { channel: 'x' } }, 424, { payload: { channel: 'x' } }],
  [{ code: 'script_timed_out', message: 'too slow' }, 424, {}],
])('a failure %j answers %i', async (failure, status, details) => {
  ends({ state: 'failed', failure });
  const { code, message } = failure;
  expect(await act({ action_name: 'post' })).toMatchObject({ status, body: { error: { code, message, ...details } } });
});

test('a cancelled action is gone', async () => {
  ends({ state: 'cancelled' });
  expect(await act({ action_name: 'post' })).toMatchObject({
    status: 410,
    body: { error: { code: 'script_aborted' } },
  });
});

test('a workflow that closes without an outcome is no success', async () => {
  const { status, body } = await act({ action_name: 'post' });
  expect([status, body.error.code]).toEqual([500, 'runner_lost']);
});

test('an action that could not be handed to Temporal fails now and never runs later', async () => {
  const unavailable = Object.assign(new Error('14 UNAVAILABLE'), { code: 14 });
  api.engine.answer({ runAction: () => Promise.reject(new Error('wrapped', { cause: unavailable })) });
  const { status, body, headers } = await act({ action_name: 'post' });
  expect([status, body.error.code, headers.get('retry-after')]).toEqual([503, 'engine_unavailable', '1']);
  expect((await api.db.query('select state from runs where id = $1', [lastRun()])).rows).toEqual([{ state: 'failed' }]);
  expect(await beginAttempt(api.db, { runId: lastRun(), workflowRunId: 'w', at: NOW })).toBeUndefined();
});

test('an action that had begun when Temporal went away keeps its own outcome', async () => {
  api.engine.answer({
    runAction: async ({ runId }) => {
      await beginAttempt(api.db, { runId, workflowRunId: 'w', at: NOW });
      throw Object.assign(new Error('gone'), { code: 14 });
    },
  });
  expect((await act({ action_name: 'post' })).status).toBe(503);
  expect((await api.db.query('select state from runs where id = $1', [lastRun()])).rows).toEqual([
    { state: 'running' },
  ]);
});

test.each([
  [{ action_name: 'nope' }, HEADERS, 'unknown_action', "'nope'"],
  [{ action_name: 'post' }, { ...HEADERS, 'connection-id': 'nobody' }, 'unknown_connection', "'nobody'"],
  [{ action_name: 'post' }, { ...HEADERS, 'provider-config-key': 'nowhere' }, 'unknown_provider_config', "'nowhere'"],
])('what %j does not find is named', async (body, headers, code, name) => {
  const answer = await act(body, headers);
  expect([answer.status, answer.body.error.code]).toEqual([404, code]);
  expect(answer.body.error.message).toContain(name);
  expect(api.engine.calls).toEqual([]);
});

test('an asynchronous action answers its id and is only started', async () => {
  const { status, body } = await act({ action_name: 'post' }, { ...HEADERS, 'x-async': 'true', 'x-max-retries': '3' });
  expect([status, body]).toEqual([202, { id: lastRun(), statusUrl: `/action/${lastRun()}` }]);
  expect(api.engine.calls.map(([method]) => method)).toEqual(['startAction']);
  const { rows } = await api.db.query('select retries from runs where id = $1', [lastRun()]);
  expect(rows).toEqual([{ retries: 3 }]);
});

test.each([
  [{ 'x-async': 'perhaps' }, 'x-async'],
  [{ 'x-async': 'true', 'x-max-retries': '6' }, 'x-max-retries'],
  [{ 'x-max-retries': '1' }, 'x-async'],
])('the headers %j are refused by name', async (headers, name) => {
  const { status, body } = await act({ action_name: 'post' }, { ...HEADERS, ...headers });
  expect([status, body.error.code]).toEqual([400, 'invalid_headers']);
  expect(body.error.message).toContain(name);
  expect(api.engine.calls).toEqual([]);
});

test('the result of an asynchronous action is there once it has ended', async () => {
  const { body } = await act({ action_name: 'post' }, { ...HEADERS, 'x-async': 'true' });
  expect(await api.call('GET', body.statusUrl)).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
  const attempt = await beginAttempt(api.db, { runId: body.id, workflowRunId: 'w', at: NOW });
  const end = { runId: body.id, fence: attempt?.fence ?? -1, state: 'success', failure: null, at: NOW } as const;
  await endRun(api.db, { ...end, output: '{"n": 1.0}' });
  expect(await api.call('GET', body.statusUrl)).toMatchObject({ status: 200, text: '{"n": 1.0}' });
  expect((await api.call('GET', body.statusUrl, { key: api.otherKey })).status).toBe(404);
});

test('the failure of an asynchronous action is answered as that of any other', async () => {
  const { body } = await act({ action_name: 'post' }, { ...HEADERS, 'x-async': 'true' });
  const failure = { code: 'action_failed', message: 'no channel', payload: { channel: 'x' } } as const;
  await endRun(api.db, { runId: body.id, fence: null, state: 'failed', failure, output: null, at: NOW });
  expect(await api.call('GET', body.statusUrl)).toMatchObject({ status: 424, body: { error: failure } });
});

const keyed = (key: string, input: unknown, headers: Record<string, string> = {}) =>
  act({ action_name: 'post', input }, { ...HEADERS, 'idempotency-key': key, ...headers });

test('a call with a used idempotency key answers what the first answered', async () => {
  ends({ output: '{"ts":1}' });
  const first = await keyed('order-1', { a: 1, b: [2] });
  const again = await keyed('order-1', { b: [2], a: 1 });
  expect([first.text, again.text]).toEqual(['{"ts":1}', '{"ts":1}']);
  expect(new Set(api.engine.calls.map(([, run]) => (run as { runId: string }).runId)).size).toBe(1);
});

test('an idempotency key is for one input', async () => {
  ends({});
  await keyed('order-2', { a: 1 });
  const { status, body } = await keyed('order-2', { a: 2 });
  expect([status, body.error.code]).toEqual([409, 'idempotency_key_reused']);
  expect(body.error.message).toContain("'order-2'");
});

test('calls at once with one idempotency key are one run', async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => keyed('order-3', { a: 1 }, { 'x-async': 'true' })),
  );
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
});

test('a key whose action never began may be used again', async () => {
  api.engine.answer({ runAction: () => Promise.reject(Object.assign(new Error('gone'), { code: 14 })) });
  expect((await keyed('order-4', 1)).status).toBe(503);
  ends({ output: '"sent"' });
  expect(await keyed('order-4', 1)).toMatchObject({ status: 200, text: '"sent"' });
});

test('a key is forgotten after its seven days', async () => {
  ends({ output: '"once"' });
  await keyed('order-5', 1);
  const first = lastRun();
  await api.db.query(`update action_keys set expires_at = $1 where key = 'order-5'`, [NOW]);
  await keyed('order-5', 2);
  expect(lastRun()).not.toBe(first);
});

test('a bottomless input is the caller’s mistake', async () => {
  const raw = `{"action_name":"post","input":${'['.repeat(400_000)}${']'.repeat(400_000)}}`;
  const { status, body } = await api.call('POST', '/action/trigger', { raw, headers: HEADERS });
  expect([status, body.error.code]).toEqual([400, 'invalid_body']);
});

test('another environment cannot call it', async () => {
  const answer = await api.call('POST', '/action/trigger', {
    body: { action_name: 'post' },
    headers: HEADERS,
    key: api.otherKey,
  });
  expect(answer.status).toBe(404);
});
