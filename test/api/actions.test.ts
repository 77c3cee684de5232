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

test('an asynchronous action is refused instead of run at once', async () => {
  expect((await act({ action_name: 'post' }, { ...HEADERS, 'x-async': 'true' })).body.error.code).toBe(
    'invalid_headers',
  );
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
