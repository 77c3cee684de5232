import { createHash, createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { judge } from '../../activities/deliver-webhook.ts';
import { bodyOf, signatureHeaders, webhooksOf } from '../../activities/webhook-body.ts';
import type { EndedRun } from '../../store/run-ends.ts';
import { DEFAULT_WEBHOOK_SETTINGS } from '../../store/webhook-settings.ts';

const RUN: EndedRun = {
  runId: 'r1',
  environmentId: '1',
  connectionRow: '7',
  connectionId: 'acme',
  providerConfigKey: 'tracker',
  kind: 'sync',
  detached: false,
  name: 'tasks',
  variant: 'base',
  state: 'success',
  models: ['Task', 'Project'],
  isIncremental: true,
  error: null,
  startedAt: new Date('2026-01-01T00:00:00Z'),
  finishedAt: new Date('2026-01-01T00:05:00Z'),
  counts: { Task: { added: 1, updated: 2, deleted: 0 }, Project: { added: 0, updated: 0, deleted: 0 } },
  held: {},
  failuresInARow: null,
};
const ALWAYS = { ...DEFAULT_WEBHOOK_SETTINGS, on_sync_completion_always: true };
const told = (run: Partial<EndedRun>, settings = DEFAULT_WEBHOOK_SETTINGS) => webhooksOf({ ...RUN, ...run }, settings);

test('a sync is told of once for each model that changed, from its start on', () => {
  expect(told({})).toEqual([
    {
      subject: 'Task',
      type: 'sync',
      payload: {
        from: 'nango',
        type: 'sync',
        connectionId: 'acme',
        providerConfigKey: 'tracker',
        syncName: 'tasks',
        syncVariant: 'base',
        syncType: 'INCREMENTAL',
        model: 'Task',
        success: true,
        modifiedAfter: '2026-01-01T00:00:00.000Z',
        queryTimeStamp: '2026-01-01T00:00:00.000Z',
        responseResults: { added: 1, updated: 2, deleted: 0 },
      },
    },
  ]);
});

test.each([
  ['incremental', {}, 'INCREMENTAL'],
  ['not incremental', { isIncremental: false }, 'INITIAL'],
  ['the handling of a webhook', { kind: 'webhook', isIncremental: false }, 'WEBHOOK'],
] as const)('a run that is %s is told of as that, however it ended (U097)', (_, run, type) => {
  expect(told(run)[0]?.payload['syncType']).toBe(type);
  expect(told({ ...run, state: 'failed' })[0]?.payload).toMatchObject({ success: false, syncType: type });
});

test('a sync that changed nothing is told of only where that is wanted, and then for every model', () => {
  expect(told({ counts: {} })).toEqual([]);
  expect(told({ counts: {} }, ALWAYS).map(({ payload }) => [payload['model'], payload['responseResults']])).toEqual([
    ['Task', { added: 0, updated: 0, deleted: 0 }],
    ['Project', { added: 0, updated: 0, deleted: 0 }],
  ]);
});

test('a failure that makes its sync run less often is told of as that', () => {
  const failed = { state: 'failed', error: { code: 'script_failed', message: 'no' } } as const;
  expect(told({ ...failed, failuresInARow: 5 })[0]?.payload).toMatchObject({ success: false, failuresInARow: 5 });
  expect(told(failed)[0]?.payload).not.toHaveProperty('failuresInARow');
});

test('a sync that held deletions back is told of with their number, also where nothing else changed', () => {
  expect(told({ counts: {}, held: { Project: 20 } }).map(({ payload }) => payload)).toEqual([
    expect.objectContaining({
      model: 'Project',
      success: true,
      deletionsHeld: 20,
      responseResults: { added: 0, updated: 0, deleted: 0 },
    }),
  ]);
  expect(told({}, ALWAYS).some(({ payload }) => 'deletionsHeld' in payload)).toBe(false);
});

test('a failed sync is told of with its error, unless that is not wanted', () => {
  const error = { code: 'script_failed', message: 'boom', payload: { field: 'x' } } as const;
  expect(told({ state: 'failed', error })).toEqual([
    {
      subject: 'error',
      type: 'sync',
      payload: expect.objectContaining({
        success: false,
        model: 'Task,Project',
        error: { type: 'script_failed', description: 'boom', payload: { field: 'x' } },
        startedAt: '2026-01-01T00:00:00.000Z',
        failedAt: '2026-01-01T00:05:00.000Z',
      }),
    },
  ]);
  expect(told({ state: 'failed', error }, { ...DEFAULT_WEBHOOK_SETTINGS, on_sync_error: false })).toEqual([]);
});

test.each(['skipped', 'cancelled'] as const)('a %s run is not told of', (state) => {
  expect(told({ state }, ALWAYS)).toEqual([]);
});

test('an action is told of when its caller does not wait, however it ended', () => {
  expect(told({ kind: 'action' })).toEqual([]);
  const [success] = told({ kind: 'action', detached: true });
  expect(success).toEqual({
    subject: 'async_action',
    type: 'async_action',
    payload: {
      from: 'nango',
      type: 'async_action',
      connectionId: 'acme',
      providerConfigKey: 'tracker',
      payload: { id: 'r1', statusUrl: '/action/r1' },
    },
  });
  expect(told({ kind: 'action', detached: true, state: 'failed' })).toEqual([success]);
});

test('the body has sorted keys, also inside, and its number', () => {
  const webhook = { subject: 's', type: 'sync', payload: { b: { d: 1, c: [2] }, a: 'ü' } };
  expect(bodyOf(webhook, '12')).toBe('{"a":"ü","b":{"c":[2],"d":1},"sequence":12}');
});

test('both signatures are of the exact bytes', () => {
  const body = '{"a":"ü"}';
  expect(signatureHeaders('key', body)).toEqual({
    'x-nango-signature': createHash('sha256')
      .update(Buffer.from(`key${body}`, 'utf8'))
      .digest('hex'),
    'x-nango-hmac-sha256': createHmac('sha256', 'key').update(Buffer.from(body, 'utf8')).digest('hex'),
  });
});

const NOW = new Date('2026-01-01T00:00:00Z');
const secondsUntil = (attempts: number, status: number | null, chance = 0.5) => {
  const { nextAttemptAt } = judge({ status, error: null }, attempts, NOW, chance);
  return nextAttemptAt === null ? null : (nextAttemptAt.getTime() - NOW.getTime()) / 1000;
};

test.each([200, 204, 299])('%i ends a delivery well', (status) => {
  expect(judge({ status, error: null }, 3, NOW, 0.5)).toEqual({ state: 'delivered', nextAttemptAt: null });
});

test('410 says that nobody wants it', () => {
  expect(judge({ status: 410, error: null }, 0, NOW, 0.5)).toEqual({ state: 'refused', nextAttemptAt: null });
});

test.each([null, 301, 400, 404, 429, 500, 503])('%s is tried again, after growing waits of a day in all', (status) => {
  const waits = Array.from({ length: 10 }, (_, attempts) => secondsUntil(attempts, status) ?? 0);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  const sum = waits.reduce((total, wait) => total + wait, 0);
  expect(sum).toBeGreaterThan(23 * 3_600);
  expect(sum).toBeLessThan(25 * 3_600);
  expect(judge({ status, error: null }, 10, NOW, 0.5)).toEqual({ state: 'expired', nextAttemptAt: null });
});

test('deliveries that failed together come back apart', () => {
  expect([secondsUntil(0, 500, 0), secondsUntil(0, 500, 1)]).toEqual([4, 6]);
});
