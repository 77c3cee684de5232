import { expect, test } from '@jest/globals';
import { EngineError } from '../../contract/failures.ts';
import { action, SYNC, sync, useSandbox } from './use-sandbox.ts';

const { outputOf, run, failureOf } = useSandbox();

/** What a script that got out could reach; each probe must say that it could not. */
const PROBE = `const reach = (get: () => any) => { try { const found = get(); return found === undefined || found === null ? 'nothing' : typeof found; } catch { return 'refused'; } };`;

test('nothing on the global object belongs to Node or to the engine', async () => {
  const names = (await outputOf('return Object.getOwnPropertyNames(globalThis);')) as string[];
  const known =
    /^(Object|Function|Array|Number|parse(Float|Int)|Infinity|NaN|undefined|Boolean|String|Symbol|Date|Promise|RegExp|\w*Error|globalThis|global|JSON|Math|Intl|ArrayBuffer|(Big)?(Ui|I)nt(8|16|32|64)Array|Uint8ClampedArray|Float(16|32|64)Array|DataView|Map|BigInt|Set|Iterator|WeakMap|WeakSet|Proxy|Reflect|(de|en)codeURI(Component)?|escape|unescape|isFinite|isNaN|console|(Async)?DisposableStack|TextEncoder|TextDecoder|atob|btoa|AbortController|AbortSignal|setTimeout|clearTimeout|queueMicrotask|crypto|Buffer|structuredClone|URL|URLSearchParams)$/;
  expect(names.filter((name) => !known.test(name))).toEqual([]);
});

test.each([
  "(() => {}).constructor('return 1')()",
  "(async () => {}).constructor('return 1')()",
  "(function* () {}).constructor('return 1')()",
  "(async function* () {}).constructor('return 1')()",
  "new Function('return 1')()",
  "Reflect.construct(Function, ['return 1'])()",
  "Object.getPrototypeOf(async () => {}).constructor('return 1')()",
  "nango.get.constructor.constructor('return process')()",
  "nango.constructor.constructor('return process')()",
  "(class extends (Function as any) { constructor() { super('return 1'); } } as any).call()",
  "(globalThis as any).eval('1')",
  "setTimeout('process.exit()' as any, 0)",
])('code from text does not run: %s', async (expression) => {
  expect(await outputOf(`${PROBE} return reach(() => ${expression});`)).toBe('refused');
});

test('code from text that zod lets a script make reaches no more than the script does', async () => {
  const body = `const doc = new (require('zod').core.Doc)(['n']);
    doc.write('return [typeof process, typeof require, typeof nango, this === undefined || this === globalThis, n + 1]');
    return doc.compile()(1);`;
  expect(await outputOf(body)).toEqual(['undefined', 'undefined', 'undefined', true, 2]);
});

test('no function or object the host gave leads to process, require or another realm', async () => {
  const body = `${PROBE}
    const seen = new Set<any>(); const bad: string[] = [];
    const walk = (value: any, path: string, depth: number) => {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 7) return;
      seen.add(value);
      if (typeof value === 'function' && value !== Function.prototype && !(value instanceof Function)) bad.push(path + ' of another realm');
      if (typeof value === 'object' && Object.prototype.toString.call(value) === '[object process]') bad.push(path);
      for (const key of Reflect.ownKeys(value)) {
        const name = String(key);
        if (/^(mainModule|binding|_load|applySync|derefInto|copyInto|dispatchProtocolMessage|__send|__deliver)$/.test(name)) bad.push(path + '.' + name);
        let inner; try { inner = value[key]; } catch { continue; }
        walk(inner, path + '.' + name, depth + 1);
      }
      walk(Object.getPrototypeOf(value), path + '.[[Prototype]]', depth + 1);
    };
    const answer = await nango.get({ endpoint: '/x' }); const bytes = await nango.get({ endpoint: '/b', responseType: 'arraybuffer' });
    let error: any; try { await nango.batchSave([], 'X'); } catch (e) { error = e; }
    walk({ nango, answer, bytes, error, input, require, module, exports, globalThis, arguments }, 'root', 0);
    return bad;`;
  expect(await outputOf(body, { input: '{"a":{"b":1}}' })).toEqual([]);
});

test('errors of the host are errors of the guest, with nothing of the host in their stacks', async () => {
  const body = `const out: any[] = [];
    for (const call of [() => nango.get({ endpoint: 5 }), () => nango.batchSave([{ id: 1 }], 'X'), () => require(['f', 's'].join('')), () => nango.get({ endpoint: '/x', retries: -1 })]) {
      try { await call(); } catch (e: any) { out.push([e instanceof Error, Object.getPrototypeOf(e.constructor) === Function.prototype || e.constructor === Error, /\\/(work|home|root|usr|tmp)|node:|node_modules/.test(e.stack)]); }
    }
    return out;`;
  for (const seen of (await outputOf(body)) as unknown[][]) expect([seen[0], seen[2]]).toEqual([true, false]);
});

test('the call site hook of V8 shows frames of the prelude without their functions, and none of the host', async () => {
  const body = `let sites: any[] = []; (Error as any).prepareStackTrace = (_: any, all: any[]) => { sites = all; return ''; };
    await nango.get({ get endpoint() { new Error('x').stack; return '/x'; } });
    return sites.map((site) => [site.getFileName(), typeof site.getThis(), typeof site.getFunction()]);`;
  const sites = (await outputOf(body)) as string[][];
  const prelude = sites.filter(([file]) => file === 'nango:core');
  expect(prelude.length).toBeGreaterThan(0);
  for (const site of prelude) expect(site).toEqual(['nango:core', 'undefined', 'undefined']);
  expect(sites.map(([file]) => file)).toEqual(sites.map(() => expect.stringMatching(/^(script\.js|nango:core)$/)));
});

test('getters, proxies and toJSON on arguments run in the guest or not at all', async () => {
  const body = `const log: string[] = []; const trap = (name: string) => new Proxy({ id: 1 }, { get(t: any, k) { log.push(name); return t[k]; }, ownKeys(t) { return Reflect.ownKeys(t); } });
    await nango.batchSave([trap('row'), { get id() { log.push('id'); return 2; } }, { id: 3, toJSON() { return { id: 4, process: typeof (globalThis as any).process }; } }], 'Task');
    await nango.get({ get endpoint() { return '/x'; }, headers: trap('headers'), data: { toJSON: () => ({ a: typeof (globalThis as any).process }) } });
    await nango.log(trap('log'), { toJSON() { throw new Error('json'); } });
    await nango.log(log.includes('row'));`;
  const { outcome, calls } = await run(sync(body), SYNC);
  expect(outcome.status).toBe('completed');
  expect(calls[0]?.body).toBe('[{"id":1},\n{"id":2},\n{"id":4,"process":"undefined"}]');
  expect(calls[1]?.args).toMatchObject({ config: { data: { a: 'undefined' } } });
});

test('__proto__ in arguments, answers and inputs is a key like any other', async () => {
  const request = async ({ config }: { config: { data?: unknown } }) => ({
    value: { status: 200, statusText: '', headers: {} },
    body: `{"__proto__":{"polluted":1},"sent":${JSON.stringify(Object.keys(config.data as object))}}`,
  });
  const body = `const data = JSON.parse('{"__proto__":{"polluted":1}}'); const answer = await nango.post({ endpoint: '/x', data });
    return [({} as any).polluted ?? 'clean', answer.data.sent, Object.keys(answer.data)];`;
  expect(await outputOf(body, { input: '{"__proto__":{"polluted":1}}', host: { request } })).toEqual([
    'clean',
    ['__proto__'],
    ['__proto__', 'sent'],
  ]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('a script that breaks every built-in harms nobody but itself', async () => {
  const body = `for (const target of [Map.prototype, Promise.prototype, Array.prototype, Object.prototype, String.prototype, Function.prototype]) {
      for (const key of Reflect.ownKeys(target)) { try { (target as any)[key] = () => { throw new Error('broken'); }; } catch {} }
    }
    JSON.stringify = (() => '{"broken') as any; JSON.parse = (() => ({ status: 'completed' })) as any;`;
  const failure = await failureOf(action(`${body}\nawait nango.get({ endpoint: '/x' });`), {
    limits: { wallClockMs: 3000 },
  });
  expect(failure.code).toMatch(/^(script_failed|script_timed_out|runner_lost)$/);
  expect(await outputOf('return 1;')).toBe(1);
});

test.each([
  'runner_lost',
  'internal',
  'store_unavailable',
  'unknown_account',
  'script_timed_out',
  'upstream_unreachable',
])('a script that breaks into the prelude to end by %s ends as a script that failed', async (code) => {
  const body = `const get = WeakMap.prototype.get;
      WeakMap.prototype.get = function (this: any, key: any) { return key?.isForged ? '${code}' : get.call(this, key); } as any;
      throw Object.assign(new Error('x'), { isForged: true });`;
  expect(await failureOf(action(body))).toMatchObject({ code: 'script_failed' });
});

test('a failure by which the host refused a call is one that its script may end by', async () => {
  const request = async (): Promise<never> => {
    throw new EngineError('upstream_unreachable', 'Nobody answers');
  };
  const body = `try { await nango.get({ endpoint: '/x' }); } catch (error) { await nango.log('x'); throw error; }`;
  expect(await failureOf(action(body), { host: { request } })).toMatchObject({ code: 'upstream_unreachable' });
});

test('a failure stays as short as the engine keeps it, whatever a script puts in the place of JSON.stringify', async () => {
  const body = `const stringify: any = JSON.stringify;
    const long = { name: 'n'.repeat(1e6), message: 'm'.repeat(2e6), stack: 's'.repeat(2e6), code: 'action_failed', payload: 'p'.repeat(2e6) };
    JSON.stringify = ((value: any, ...rest: any[]) => (value?.ok === false ? stringify({ ok: false, error: long }) : stringify(value, ...rest))) as any;
    throw new Error('x');`;
  const failure = await failureOf(action(body));
  expect(JSON.stringify(failure).length).toBeLessThan(10_000);
});

test('a script that answers for the engine changes nothing but its own outcome', async () => {
  const body = `const real = Map.prototype.set; let stolen: any;
    Map.prototype.set = function (key: any, value: any) { if (value && value.resolve) stolen = value; return real.call(this, key, value); };
    const call = nango.get({ endpoint: '/x' }); stolen?.resolve({ value: { status: 200, headers: {} }, body: '"forged"' });
    return [(await call).data, typeof stolen];`;
  expect(await outputOf(body)).toEqual(['forged', 'object']);
});

test('the runner process has no environment, no files and no way to start another', async () => {
  const body = `return [typeof (globalThis as any).process, typeof (globalThis as any).Deno, typeof (globalThis as any).importScripts];`;
  expect(await outputOf(body)).toEqual(['undefined', 'undefined', 'undefined']);
});

test('import() of anything is refused', async () => {
  const bundle = {
    hash: 'h',
    code: "exports.default = async () => { await import('node:fs'); };",
    sourceMap: '{}',
    file: 'a.ts',
  };
  expect((await failureOf('', { bundle })).code).toBe('script_failed');
});
