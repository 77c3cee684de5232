import { expect, test } from '@jest/globals';
import { EngineError } from '../../contract/failures.ts';
import { action, SYNC, sync, useSandbox } from './use-sandbox.ts';

const { run, outputOf, failureOf } = useSandbox();

test('an action gets its input and answers JSON', async () => {
  const { outcome } = await run(action('return { twice: input.n * 2 };'), { input: '{"n":21}' });
  expect(outcome).toEqual({ status: 'completed', output: '{"twice":42}', calls: 0 });
});

test('an action that returns nothing has no output', async () => {
  const { outcome } = await run(action('await nango.log("x");'));
  expect(outcome).toEqual({ status: 'completed', output: undefined, calls: 1 });
});

test.each([
  ['const a: any = {}; a.a = a; return a;', /not JSON: Converting circular/],
  ['return 1n;', /not JSON: Do not know how to serialize a BigInt/],
  ['return () => 1;', /not JSON: it is a function/],
])('an output that is not JSON fails clearly: %s', async (body, reason) => {
  const failure = await failureOf(action(body));
  expect(failure).toMatchObject({ code: 'script_failed', message: expect.stringMatching(reason) });
});

test('an output over the frame limit fails', async () => {
  const failure = await failureOf(action('return "x".repeat(3000);'), { limits: { maxFrameBytes: 2000 } });
  expect(failure.code).toBe('script_limit_exceeded');
});

test('an uncaught error names script, file, line and column of the author', async () => {
  const code = `import { fail } from './deep';\n${action('await nango.log("x");\nfail();')}`;
  const failure = await failureOf(code, {
    files: { 'deep.ts': '\n\nexport function fail() { throw new TypeError("boom"); }' },
  });
  expect(failure.code).toBe('script_failed');
  expect(failure.message).toBe("Action 'tasks' failed in deep.ts:3:32: TypeError: boom");
  expect(failure.details.location).toEqual({ file: 'deep.ts', line: 3, column: 32 });
});

test('a failed request names the line that made it', async () => {
  const request = async () => ({ value: { status: 404, statusText: 'Not Found', headers: {} }, body: '' });
  const failure = await failureOf(action('\n\n  await nango.get({ endpoint: "/x" });'), { host: { request } });
  expect(failure.message).toMatch(/script\.ts:4:\d+: AxiosError: Request failed with status code 404/);
  expect(failure.details.payload).toEqual({ status: 404, endpoint: '/x', method: 'get' });
});

test('a failure has the last calls with their answers, without what they carried, and those under way', async () => {
  const request = async ({ config }: { config: { endpoint: string } }) => {
    if (config.endpoint === '/never') return new Promise<never>(() => undefined);
    return { value: { status: config.endpoint === '/gone' ? 404 : 200, statusText: '', headers: {} }, body: '{}' };
  };
  const saveRecords = async () => ({ value: null });
  const steps = `
    for (let page = 0; page < 9; page++) await nango.get({ endpoint: '/pages/' + page + '?key=secret', params: { s: 1 } });
    await nango.log('said');
    await nango.batchSave([{ id: '1' }], 'Task');
    nango.get({ endpoint: '/never' }).catch(() => {});`;
  const failure = await failureOf(sync(`${steps} await nango.get({ endpoint: '/gone' });`), {
    ...SYNC,
    host: { request, saveRecords },
    limits: { wallClockMs: 3_000 },
  });
  expect(failure.details.lastCalls).toEqual([
    'GET /pages/7 → 200',
    'GET /pages/8 → 200',
    'batchSave Task, 1 row → done',
    'GET /gone → 404',
    'GET /never → no answer yet',
  ]);
});

test('an ActionError carries its payload', async () => {
  const failure = await failureOf(action('throw new nango.ActionError({ message: "no", type: "bad", n: 1 });'));
  expect(failure).toMatchObject({ code: 'action_failed', message: 'no' });
  expect(failure.details.payload).toEqual({ message: 'no', type: 'bad', n: 1 });
});

test.each([
  'throw "text";',
  'throw undefined;',
  'throw { a: 1 };',
  'throw new Proxy({}, { get() { throw 1; } });',
  'throw Object.create(null);',
])('anything thrown becomes a failure: %s', async (body) => {
  expect((await failureOf(action(body))).code).toBe('script_failed');
});

test('a syntax error in a deployed bundle fails the run with its reason', async () => {
  const bundle = { hash: 'h', code: 'module.exports = ;', sourceMap: '{}', file: 'broken.ts' };
  const failure = await failureOf('', { bundle });
  expect(failure.message).toMatch(/broken\.ts.*SyntaxError: Unexpected token/);
});

test('U118: a script that waits for what nothing will settle fails at once', async () => {
  const failure = await failureOf(action('await nango.log("x"); await new Promise(() => {});'));
  expect(failure).toMatchObject({ code: 'script_failed', message: expect.stringMatching(/nothing will settle/) });
});

test.each([
  ['while (true) {}', 2],
  ['await nango.log("x");\nwhile (true) {}', 3],
  ['await nango.log("x");\nconst t = Date.now() + 5;\nwhile (Date.now() < t);', 4],
  ['return Promise.resolve().then(() => { while (true); });', 2],
])('an endless loop is stopped by the processor limit and its line named: %s', async (body, line) => {
  const failure = await failureOf(action(body), { limits: { cpuMs: 200 } });
  expect(failure.code).toBe('script_timed_out');
  expect(failure.message).toMatch(/more than 200 ms between two host calls.*Time stands still/);
  expect(failure.details.location?.line).toBe(line);
});

test('work within the processor limit after each of many calls is no endless loop', async () => {
  // Each well below it, also before V8 has found time to optimize the loop; all together above it, optimized.
  const body =
    'for (let i = 0; i < 200; i++) { let x = 0; for (let k = 0; k < 5e6; k++) x += k; await nango.log(x); } return "done";';
  expect(await outputOf(body, { limits: { cpuMs: 400, wallClockMs: 60_000 } })).toBe('done');
});

test.each([
  ['waits for a timer', 'await new Promise((r) => setTimeout(r, 60_000));', /longer than 150 ms/],
  ['awaits in a loop', 'for (;;) await null;', /computed for more than 300 ms/],
  ['loops in a callback', 'await Promise.resolve().then(() => { while (true); });', /computed for more than 300 ms/],
])('U118: a run that %s is ended by one of its limits', async (_, body, reason) => {
  // One of them is long, so that it is the other one that is seen.
  const limits = /longer/.test(String(reason)) ? { wallClockMs: 150 } : { cpuMs: 300, wallClockMs: 60_000 };
  const failure = await failureOf(action(body), { limits });
  expect(failure).toMatchObject({ code: 'script_timed_out', message: expect.stringMatching(reason) });
});

test('cancelling ends an endless loop within a second', async () => {
  const controller = new AbortController();
  let cancelledAt = Number.NaN;
  const log = async () => {
    setImmediate(() => {
      cancelledAt = performance.now();
      controller.abort();
    });
    return { value: null };
  };
  const failure = await failureOf(action('nango.log("begun"); await nango.log("x"); while (true) {}'), {
    signal: controller.signal,
    host: { log },
    limits: { cpuMs: 60_000 },
  });
  expect(failure.code).toBe('script_aborted');
  expect(performance.now() - cancelledAt).toBeLessThan(2000);
});

test('a run that is cancelled before it begins runs nothing', async () => {
  const { outcome, calls } = await run(action('await nango.log("x");'), { signal: AbortSignal.abort() });
  expect(outcome).toMatchObject({ failure: { code: 'script_aborted' } });
  expect(calls).toEqual([]);
});

test('cancelling a run cancels its host calls', async () => {
  const controller = new AbortController();
  const seen: boolean[] = [];
  const request = (_: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        seen.push(true);
        reject(new Error('stopped'));
      });
      controller.abort();
    });
  await failureOf(action('await nango.get({ endpoint: "/x" });'), { signal: controller.signal, host: { request } });
  expect(seen).toEqual([true]);
});

test('U120: calls nobody awaits finish before the run ends', async () => {
  const { outcome, calls } = await run(sync('nango.batchSave([{ id: 1 }], "Task"); nango.log("late");'), SYNC);
  expect(outcome.status).toBe('completed');
  expect(calls.map(({ kind }) => kind)).toEqual(['saveRecords', 'log']);
});

test('U120: a script that returns while a hundred requests are open, and one that leaves rejections, harm no later run', async () => {
  const gets = 'for (let n = 0; n < 100; n++) void nango.get({ endpoint: "/" + n });';
  const released = Promise.withResolvers<void>();
  let open = 0;
  const request = async () => {
    open += 1;
    if (open === 10) released.resolve();
    await released.promise;
    return { value: { status: 200, statusText: 'OK', headers: {} }, body: '{}' };
  };
  const { outcome, calls } = await run(action(`${gets} return 1;`), { host: { request } });
  expect([outcome.status, calls.length]).toEqual(['completed', 100]);
  const rejections = 'for (let n = 0; n < 100; n++) void Promise.reject(new Error("stray " + n));';
  expect((await run(action(`${rejections} await null; return 1;`))).outcome.status).toBe('completed');
  expect(await outputOf('return 2;')).toBe(2);
});

test('a rejected save that nobody awaits fails the run', async () => {
  const saveRecords = async (): Promise<never> => {
    throw new EngineError('record_invalid', 'record t1 is wrong');
  };
  const failure = await failureOf(sync('nango.batchSave([{ id: 1 }], "Task");'), { ...SYNC, host: { saveRecords } });
  expect(failure).toMatchObject({
    code: 'record_invalid',
    message: expect.stringMatching(/script\.ts:2:\d+: record t1 is wrong/),
  });
});

test('any other rejection nobody waits for is a warning in the log', async () => {
  const { outcome, calls } = await run(action('Promise.reject(new Error("stray")); await null; return 1;'));
  expect(outcome.status).toBe('completed');
  expect(calls[0]?.args).toMatchObject({ level: 'warn', message: expect.stringMatching(/stray/) });
});

test('a failure of our own parts ends the run although the script catches it', async () => {
  const saveRecords = async (): Promise<never> => {
    throw new EngineError('store_unavailable', 'the database is away');
  };
  const failure = await failureOf(sync('try { await nango.batchSave([{ id: 1 }], "Task"); } catch {}'), {
    ...SYNC,
    host: { saveRecords },
  });
  expect(failure.code).toBe('store_unavailable');
});

test('the text of an error that is not ours never reaches the author', async () => {
  const log = async (): Promise<never> => {
    throw new Error('postgres://user:secret@host');
  };
  const failure = await failureOf(action('await nango.log("x");'), { host: { log } });
  expect(failure.code).toBe('internal');
  expect(JSON.stringify(failure)).not.toContain('secret');
});

test('fetchData may return its rows by model instead of saving them', async () => {
  const { calls } = await run(sync('return { Task: [{ id: "a" }], Other: [{ id: "b" }] };'), SYNC);
  expect(calls).toEqual([{ kind: 'saveRecords', args: { model: 'Task', ids: ['a'] }, body: '[{"id":"a"}]' }]);
});

test('a default export goes by its position, not by its name', async () => {
  const { outcome } = await run('const other = async () => 7;\nexport { other as default };');
  expect(outcome).toMatchObject({ output: '7' });
});
