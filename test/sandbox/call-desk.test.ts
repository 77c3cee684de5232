/** What the worker holds for one run, whatever the other side of the pipe keeps to: the prelude's own limits can be broken. */
import { expect, test } from '@jest/globals';
import type { Host } from '../../contract/host.ts';
import type { ScriptOutcome } from '../../contract/script.ts';
import { openCallDesk } from '../../sandbox/call-desk.ts';
import { DEFAULT_LIMITS } from '../../sandbox/limits.ts';

const FRAME = 1_000;
const LINE = '{"level":"info","message":"x"}';

function openDesk(onSent: () => void = () => undefined, host: object = {}) {
  const ends: ScriptOutcome[] = [];
  const never = () => new Promise<never>(() => undefined);
  const desk = openCallDesk({
    host: { log: never, ...host } as unknown as Host,
    clock: () => new Date(0),
    limits: { ...DEFAULT_LIMITS, maxFrameBytes: FRAME },
    journal: undefined,
    send: onSent,
    endRun: (outcome) => ends.push(outcome),
    onLive: () => undefined,
  });
  return { desk, ends };
}

test.each([
  ['request', { config: { endpoint: '/batch', method: 'POST', data: [{ method: 'GET', url: '/a' }] } }],
  ['uncontrolledFetch', { url: 'http://x', headers: { method: 'GET' }, method: 'PUT' }],
])('a %s that changes the world is let finish when its process dies, whatever it carries', async (kind, args) => {
  const asked = Promise.withResolvers<AbortSignal>();
  const answered = Promise.withResolvers<{ value: null }>();
  const call = (_: unknown, { signal }: { signal: AbortSignal }) => {
    asked.resolve(signal);
    return answered.promise;
  };
  const { desk } = openDesk(() => undefined, { [kind]: call });
  desk.take(0, kind, JSON.stringify(args), undefined);
  const signal = await asked.promise;
  const salvaged = desk.salvage();
  expect(signal.aborted).toBe(false);
  answered.resolve({ value: null });
  await salvaged;
  desk.close();
});

test('calls under way that carry more than three frames end their run', () => {
  const { desk, ends } = openDesk();
  for (let number = 0; number < 3; number++) desk.take(number, 'log', LINE, 'x'.repeat(FRAME - LINE.length));
  expect(ends).toEqual([]);
  desk.take(3, 'log', LINE, 'x');
  expect(ends).toMatchObject([{ failure: { code: 'script_limit_exceeded' } }]);
  desk.close();
});

test('what calls carried that have their answers is held no more', () => {
  const { desk, ends } = openDesk();
  for (let number = 0; number < 30; number++) {
    desk.take(number, 'log', LINE, 'x'.repeat(FRAME - LINE.length));
    desk.delivered(number);
  }
  expect(ends).toEqual([]);
  desk.close();
});

test.each([[[0, 0]], [[-1]], [[1.5]], [[Number.NaN]]])('calls with the numbers %j end their run', (numbers) => {
  const { desk, ends } = openDesk();
  for (const number of numbers) desk.take(number, 'log', LINE, undefined);
  expect(ends).toMatchObject([{ failure: { code: 'script_failed', message: expect.stringMatching(/number/) } }]);
  desk.close();
});

test.each(['{"broken', 'null', '7', ''])(
  'a call whose arguments are %j ends its run, and the end has its words',
  (json) => {
    const { desk, ends } = openDesk();
    for (const kind of ['log', 'timer', 'request']) desk.take(0, kind, json, undefined);
    expect(ends).toHaveLength(3);
    const told = desk.explain(ends[0] as ScriptOutcome);
    expect(told).toMatchObject({ failure: { code: 'script_failed', message: expect.stringMatching(/no JSON/) } });
    desk.close();
  },
);

test('of the name of a call that does not exist a message shows what fits in a line', () => {
  const { desk, ends } = openDesk();
  desk.take(0, 'x'.repeat(500), '{}', undefined);
  expect(ends).toMatchObject([{ failure: { message: expect.stringMatching(/^Host call 'x{40}' does not exist/) } }]);
  desk.close();
});

test('calls that were refused for their arguments are among the last calls of a failure', async () => {
  const sent = Promise.withResolvers<void>();
  const { desk } = openDesk(() => sent.resolve());
  desk.take(0, 'request', '{"config":{"method":null,"endpoint":7}}', undefined);
  await sent.promise;
  const failed = { status: 'failed', failure: { code: 'script_failed', message: 'x', details: {} }, calls: 1 } as const;
  expect(desk.explain(failed)).toMatchObject({ failure: { details: { lastCalls: ['GET 7 → script_failed'] } } });
  desk.close();
});
