import { expect, test } from '@jest/globals';
import { action, useSandbox } from './use-sandbox.ts';

const { run, outputOf, failureOf } = useSandbox();

test('answers enter one at a time, each followed by all that it causes', async () => {
  const body = `const seen: string[] = [];
    const worker = async (name: string) => {
      for (let page = 0; page < 3; page++) {
        const { data } = await nango.get({ endpoint: name + page });
        await null; await null;
        seen.push(name + page + '@' + Date.now());
      }
    };
    await Promise.all(['a', 'b', 'c'].map(worker));
    return seen;`;
  let time = 0;
  const seen = (await outputOf(body, { clock: () => new Date(time++) })) as string[];
  const times = seen.map((entry) => Number(entry.split('@')[1]));
  expect(times).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('answers reach the script in the order the host gave them, not in that of the calls', async () => {
  const waiting: (() => void)[] = [];
  const request = async ({ config }: { config: { endpoint: string } }) => {
    await new Promise<void>((resolve) => {
      waiting.unshift(resolve);
      if (waiting.length === 3) setImmediate(() => waiting.forEach((open) => void open()));
    });
    return { value: { status: 200, statusText: '', headers: {} }, body: config.endpoint };
  };
  const body = `const seen: string[] = [];
    await Promise.all(['a', 'b', 'c'].map(async (endpoint) => seen.push((await nango.get({ endpoint })).data)));
    return seen;`;
  expect(await outputOf(body, { host: { request } })).toEqual(['c', 'b', 'a']);
});

test('time moves only when an answer is delivered', async () => {
  let time = 1000;
  const body = `const before = [Date.now(), new Date().getTime(), +new Date(Date.now())];
    for (let i = 0; i < 1e6; i++);
    const still = Date.now();
    await nango.log('x');
    return { before, still, after: Date.now() };`;
  expect(await outputOf(body, { clock: () => new Date(time++) })).toEqual({
    before: [1000, 1000, 1000],
    still: 1000,
    after: 1001,
  });
});

test('every way to the clock reads the guest clock', async () => {
  const body = `const D = (new Date() as any).constructor;
    class Own extends Date {}
    return {
      proto: Object.getPrototypeOf(Date) === Function.prototype, same: D === Date, now: D.now(), own: new Own().getTime(),
      text: Date(), format: new Intl.DateTimeFormat('en-US', { dateStyle: 'short' }).format(),
      parts: new Intl.DateTimeFormat('en-US').formatToParts().length, local: new Date().toLocaleDateString('en-US'),
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone, is: new Date() instanceof Date, utc: Date.UTC(1970, 0), length: Date.length,
      reflect: Reflect.construct(Date, []).getTime(), bound: [1].map(new Intl.DateTimeFormat('en-US', { year: 'numeric' }).format),
    };`;
  const clock = () => new Date('2001-02-03T04:05:06.000Z');
  expect(await outputOf(body, { clock })).toEqual({
    proto: true,
    same: true,
    now: 981173106000,
    own: 981173106000,
    text: expect.stringMatching(/^Sat Feb 03 2001 04:05:06 GMT\+0000/),
    format: '2/3/01',
    parts: 5,
    local: '2/3/2001',
    zone: 'UTC',
    is: true,
    utc: 0,
    length: 7,
    reflect: 981173106000,
    bound: ['1970'],
  });
});

const RANDOM = `return [Math.random(), Math.random(), crypto.randomUUID(), require('crypto').randomBytes(8).toString('hex'),
  Array.from(crypto.getRandomValues(new Uint8Array(4))), require('node:crypto').randomInt(1000)];`;

test('all randomness follows from the seed', async () => {
  const first = await outputOf(RANDOM);
  expect(await outputOf(RANDOM)).toEqual(first);
  expect(await outputOf(RANDOM, { seed: '5b'.repeat(32) })).not.toEqual(first);
});

test('Math.random is spread evenly over [0, 1)', async () => {
  const mean =
    'let s = 0, low = 1, high = 0; for (let i = 0; i < 20000; i++) { const r = Math.random(); s += r; low = Math.min(low, r); high = Math.max(high, r); } return { s: s / 20000, low, high };';
  const { s, low, high } = (await outputOf(mean)) as Record<'s' | 'low' | 'high', number>;
  expect(s).toBeCloseTo(0.5, 1);
  expect(low).toBeGreaterThanOrEqual(0);
  expect(high).toBeLessThan(1);
});

test.each([
  'WeakRef',
  'FinalizationRegistry',
  'Atomics',
  'SharedArrayBuffer',
  'WebAssembly',
  'fetch',
  'process',
  'setInterval',
])('%s does not exist in a script', async (name) => {
  expect(await outputOf(`return [typeof ${name}, ${JSON.stringify(name)} in globalThis];`)).toEqual([
    'undefined',
    false,
  ]);
});

test('no more calls run at once than allowed, and all of them run', async () => {
  let now = 0;
  let most = 0;
  const request = async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
    return { value: { status: 200, statusText: '', headers: {} }, body: '1' };
  };
  const body = "return (await Promise.all(Array.from({ length: 200 }, () => nango.get({ endpoint: '/x' })))).length;";
  expect(await outputOf(body, { host: { request }, limits: { maxCallsInFlight: 5 } })).toBe(200);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(5);
});

test('ten thousand calls at once are held back, not refused', async () => {
  const body =
    "const all = await Promise.all(Array.from({ length: 10_000 }, () => nango.get({ endpoint: '/x' }))); return all.length;";
  expect(await outputOf(body)).toBe(10_000);
});

test('a timer wakes the script after its time, in order with other answers', async () => {
  const body = `const seen: string[] = [];
    const sleep = (ms: number, name: string) => new Promise((r) => setTimeout(r, ms, name)).then((n) => seen.push(String(n)));
    const gone = setTimeout(() => seen.push('cleared'), 1);
    clearTimeout(gone);
    await Promise.all([sleep(60, 'late'), sleep(20, 'soon'), sleep(0, 'now')]);
    return seen;`;
  expect(await outputOf(body)).toEqual(['now', 'soon', 'late']);
});

test('timers left behind do not hold the run', async () => {
  const { outcome } = await run(action('setTimeout(() => nango.log("never"), 600_000); return 1;'));
  expect(outcome).toMatchObject({ status: 'completed', output: '1' });
});

test('an error thrown in a timer is a warning, not the end', async () => {
  const { outcome, calls } = await run(
    action('setTimeout(() => { throw new Error("tick"); }, 0); await new Promise((r) => setTimeout(r, 20));'),
  );
  expect(outcome.status).toBe('completed');
  expect(calls[0]?.args).toMatchObject({ level: 'warn', message: expect.stringMatching(/tick/) });
});

test('an answer larger than a frame is an error the script can catch', async () => {
  const request = async () => ({ value: { status: 200, statusText: '', headers: {} }, body: 'x'.repeat(5000) });
  const body = 'try { await nango.get({ endpoint: "/x" }); } catch (error) { return error.code; }';
  expect(await outputOf(body, { host: { request }, limits: { maxFrameBytes: 3000 } })).toBe('script_limit_exceeded');
});

test('a call larger than a frame fails before it is sent', async () => {
  const failure = await failureOf(action('await nango.post({ endpoint: "/x", data: "x".repeat(5000) });'), {
    limits: { maxFrameBytes: 3000 },
  });
  expect(failure.code).toBe('script_limit_exceeded');
});
