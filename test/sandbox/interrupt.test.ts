import { expect, test } from '@jest/globals';
import type { Host } from '../../contract/host.ts';
import { action, useSandbox } from './use-sandbox.ts';

const { run } = useSandbox();

const ANSWER = { value: { status: 200, statusText: 'OK', headers: {} }, body: '{}' };

test('an interrupted script gets the answers of the calls at work, and no further call is begun', async () => {
  const interruption = new AbortController();
  const timerIsSet = Promise.withResolvers<void>();
  const slowHasBegun = Promise.withResolvers<void>();
  const begun: string[] = [];
  const ended: string[] = [];
  // The clock is read at the start, for the answer to the first call, and for the timer behind the third call.
  let readings = 0;
  const clock = () => {
    readings += 1;
    if (readings === 3) timerIsSet.resolve();
    return new Date('2026-01-01T00:00:00Z');
  };
  const request: Host['request'] = async ({ config: { endpoint } }) => {
    begun.push(endpoint);
    // Answered only now: the third call needs the way to the script and back, and comes after the interruption.
    if (endpoint === '/first') await slowHasBegun.promise;
    if (endpoint === '/slow') {
      slowHasBegun.resolve();
      setImmediate(() => interruption.abort());
      await timerIsSet.promise;
    }
    ended.push(endpoint);
    return ANSWER;
  };
  const code = action(`
    const first = nango.get({ endpoint: '/first' }).then(() => {
      const third = nango.get({ endpoint: '/third' });
      setTimeout(() => {}, 1000);
      return third;
    });
    await Promise.all([first, nango.get({ endpoint: '/slow' })]);`);
  const { outcome } = await run(code, { clock, host: { request }, interrupt: interruption.signal });
  expect(outcome).toMatchObject({ status: 'suspended', suspension: { resumeAt: null, pending: [] } });
  expect([begun, ended]).toEqual([
    ['/first', '/slow'],
    ['/first', '/slow'],
  ]);
});

test('a script that computes without an end is interrupted too', async () => {
  const interruption = new AbortController();
  const log = async () => {
    setImmediate(() => interruption.abort());
    return { value: null };
  };
  const code = action(`await nango.log('computes'); for (;;) {}`);
  const { outcome } = await run(code, { host: { log }, limits: { cpuMs: 60_000 }, interrupt: interruption.signal });
  expect(outcome.status).toBe('suspended');
});

test('what a call that waits is to know when it goes on is kept', async () => {
  const interruption = new AbortController();
  const waiting = { number: 0, argsHash: '', attempt: 1, state: 'waiting', what: 'GET /', harmless: true } as const;
  const { outcome } = await run(action(`await nango.get({ endpoint: '/' });`), {
    host: {
      request: async (_args, call) => {
        setImmediate(() => interruption.abort());
        await call.wait({ ...waiting, resumeAt: Date.now() + 3_600_000 }, 'told to wait');
        return ANSWER;
      },
    },
    interrupt: interruption.signal,
  });
  expect(outcome).toMatchObject({ suspension: { resumeAt: null, pending: [waiting] } });
});

test('an interrupted script does not begin', async () => {
  const { outcome, calls } = await run(action(`await nango.get({ endpoint: '/' });`), {
    interrupt: AbortSignal.abort(),
  });
  expect([outcome.status, calls]).toEqual(['suspended', []]);
});
