import { expect } from '@jest/globals';

/** Scripts that an attacker with a key to deploy would write: as source that the CLI compiles, or as the finished bundle. */

export type Attack = {
  readonly name: string;
  /** The body of the function, of an action unless `kind` says otherwise. */
  readonly body?: string;
  /** Posted as it is instead, as whoever has no need of our compiler would. */
  readonly bundle?: string;
  readonly kind?: 'sync';
  readonly input?: unknown;
  /** The failure it may end with; without one it has to end well, and `answers` is what it then says. */
  readonly ends?: RegExp;
  /** What the message of that failure has to say. */
  readonly says?: RegExp;
  readonly answers?: unknown;
};

const LOOP = /^script_timed_out$/;
// What takes its memory in one step may make V8 end the whole process, each time it is tried.
const MEMORY = /^(script_out_of_memory|runner_lost)$/;
const OWN_FAULT =
  /^(script_failed|script_timed_out|script_out_of_memory|script_limit_exceeded|record_invalid|runner_lost)$/;

/** Tries a thunk and says what it found, in words that no secret fits in. */
const REACH = `const reach = (get: () => any) => { try { const found = get(); return found === undefined || found === null ? 'nothing' : typeof found; } catch { return 'refused'; } };`;

const REACHING: readonly Attack[] = [
  {
    name: 'asks for what Node has',
    body: `${REACH}
      const names = ['fs', 'child_process', 'net', 'http', 'tls', 'dgram', 'dns', 'vm', 'module', 'worker_threads', 'process', 'inspector', 'v8', 'os', 'isolated-vm', 'node:fs', 'pg', './main.ts'];
      const found = names.map((name) => reach(() => require(name.split('').join('')))).concat(
        ['process', 'Deno', 'Bun', 'fetch', 'WebSocket', 'XMLHttpRequest', 'EventSource', 'Worker', 'importScripts', 'WebAssembly', 'Atomics', 'SharedArrayBuffer', 'WeakRef', 'FinalizationRegistry', 'ivm', '_ivm', 'gc', 'd8', 'navigator', 'performance'].map((name) => reach(() => (globalThis as any)[name])));
      return found.filter((each) => each !== 'nothing' && each !== 'refused');`,
    answers: [],
  },
  {
    name: 'makes code from text by every constructor',
    body: `${REACH}
      const makers = [() => {}, async () => {}, function* () {}, async function* () {}, nango.get, nango.log, nango.batchSave, (nango as any).constructor, Promise.resolve().then, Reflect.apply, JSON.stringify, class {}];
      const found = makers.map((each) => reach(() => (each as any).constructor('return globalThis')()));
      found.push(reach(() => (globalThis as any).eval('1')), reach(() => new Function('return 1')), reach(() => Reflect.construct(Function, ['return 1'])), reach(() => setTimeout('1' as any, 0)));
      return found.filter((each) => each !== 'refused');`,
    answers: [],
  },
  {
    name: 'walks all that it was given, looking for a way up',
    body: `const seen = new Set<any>(); const found: string[] = []; const texts: string[] = [];
      const walk = (value: any, path: string, depth: number) => {
        if (typeof value === 'string') texts.push(value);
        if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 8) return;
        seen.add(value);
        if (typeof value === 'function' && value !== Function.prototype && !(value instanceof Function)) found.push(path);
        for (const key of Reflect.ownKeys(value)) { let inner; try { inner = value[key]; } catch { continue; } walk(inner, path + '.' + String(key), depth + 1); }
        walk(Object.getPrototypeOf(value), path + '.[[Prototype]]', depth + 1);
      };
      let error: any; try { await nango.get({ endpoint: 7 as any }); } catch (thrown) { error = thrown; }
      walk({ nango, input, error, require, module, exports, globalThis, arguments }, 'root', 0);
      return { found, texts };`,
    answers: expect.objectContaining({ found: [] }),
  },
  {
    name: 'reads stacks and call sites',
    body: `(Error as any).stackTraceLimit = Infinity; let sites: any[] = [];
      const plain = new Error('x').stack;
      (Error as any).prepareStackTrace = (_: any, all: any[]) => { sites = all; return ''; };
      await nango.log({ get a() { new Error('x').stack; return 1; } });
      return { plain, sites: sites.map((site) => [site.getFileName(), typeof site.getThis(), site.getEvalOrigin?.()]) };`,
  },
  { name: 'imports', bundle: `exports.default = async () => { await import('node:fs'); };`, ends: OWN_FAULT },
  {
    name: 'asks for addresses inside',
    body: `const out: string[] = [];
      for (const baseUrlOverride of ['http://169.254.169.254/latest', 'http://10.0.0.1', 'http://0x0a000001', 'http://[::ffff:10.0.0.1]', 'http://[fd00::1]', 'file:///etc', 'unix:/var/run/docker.sock:', 'gopher://127.0.0.1', 'data:text/plain,x']) {
        try { out.push('answered ' + (await nango.get({ endpoint: '/passwd', baseUrlOverride, retries: 0 })).status); } catch { out.push('refused'); }
      }
      return [...new Set(out)];`,
    answers: ['refused'],
  },
  {
    name: 'splits a request by its method and headers',
    body: `const out: string[] = [];
      for (const config of [{ method: 'GET\\r\\nX: y' }, { method: 'CONNECT' }, { headers: { 'x\\r\\ny': 'z' } }, { headers: { x: 'y\\r\\nz: 1' } }, { headers: { host: 'other', 'transfer-encoding': 'chunked', 'content-length': '9' } }]) {
        try { await nango.proxy({ endpoint: '/tasks', retries: 0, ...config } as any); out.push('sent'); } catch { out.push('refused'); }
      }
      return out.slice(0, 4);`,
    answers: ['refused', 'refused', 'refused', 'refused'],
  },
];

const COMPUTING: readonly Attack[] = [
  {
    name: 'loops in a getter of an argument',
    body: `await nango.get({ get endpoint(): string { for (;;); } });`,
    ends: LOOP,
  },
  { name: 'loops in toJSON of its output', body: `return { toJSON() { for (;;); } };`, ends: LOOP },
  { name: 'loops in the then of its output', body: `return { then() { for (;;); } };`, ends: LOOP },
  { name: 'loops in the message of what it throws', body: `throw { get message() { for (;;); } };`, ends: LOOP },
  { name: 'spins in microtasks', body: `for (;;) await null;`, ends: LOOP },
  { name: 'backtracks', body: `return /^(a+)+$/.test('a'.repeat(60) + 'b');`, ends: LOOP },
  { name: 'multiplies', body: `let n = 3n; for (;;) n = (n * n) % (2n ** 4_000_000n + 1n);`, ends: OWN_FAULT },
  {
    name: 'sorts by a coin',
    body: `for (;;) Array.from({ length: 1e5 }, () => 1).sort(() => Math.random() - 0.5);`,
    ends: LOOP,
  },
  {
    name: 'loops while it is asked for its function',
    bundle: `Object.defineProperty(exports, 'default', { get() { for (;;); } });`,
    ends: LOOP,
  },
  { name: 'loops while it loads', bundle: `for (;;);`, ends: LOOP },
  {
    name: 'loops outside of the function it is put into',
    bundle: `});\nfor (;;);\n(function () {`,
    ends: LOOP,
    says: /1000 ms/,
  },
  { name: 'waits for what never comes', body: `await new Promise(() => {});`, ends: OWN_FAULT },
];

const HOARDING: readonly Attack[] = [
  {
    name: 'hoards buffers',
    body: `const all: any[] = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1));`,
    ends: OWN_FAULT,
  },
  {
    name: 'hoards in a rejected message',
    body: `throw { get message() { const all: any[] = []; for (;;) all.push('x'.repeat(1 << 20) + all.length); } };`,
    ends: OWN_FAULT,
  },
  { name: 'splits a huge text', body: `return 'x'.repeat(2 ** 28).split('').length;`, ends: OWN_FAULT },
  {
    name: 'floods with promises',
    body: `const flood = (): any => { Promise.resolve().then(flood); Promise.resolve().then(flood); }; flood(); await null;`,
    ends: OWN_FAULT,
  },
  {
    name: 'floods with settled ones',
    body: `await Promise.all(Array.from({ length: 2e7 }, () => Promise.resolve({})));`,
    ends: OWN_FAULT,
  },
  {
    name: 'hoards outside of the function it is put into',
    bundle: `});\nconst all = []; for (;;) all.push(new Array(1000).fill(1.5));\n(function () {`,
    ends: MEMORY,
  },
  {
    name: 'nests what it answers',
    body: `let deep: any = []; for (let n = 0; n < 1e6; n++) deep = [deep]; return deep;`,
    ends: OWN_FAULT,
  },
  { name: 'answers too much', body: `return 'x'.repeat(70 * 2 ** 20);`, ends: OWN_FAULT },
  {
    name: 'recurses with endless stacks',
    body: `(Error as any).stackTraceLimit = Infinity; const f = (): number => f() + 1; return f();`,
    ends: OWN_FAULT,
  },
];

const FLOODING: readonly Attack[] = [
  {
    name: 'floods the pipe with large calls',
    body: `const data = 'x'.repeat(12e6); for (;;) nango.post({ endpoint: '/tasks', data });`,
    ends: OWN_FAULT,
  },
  {
    name: 'uses the number of a call twice',
    body: `const push = Array.prototype.push;
      Array.prototype.push = function (this: any[], ...items: any[]) { for (const item of items) if (item?.kind) item.number = 0; return push.apply(this, items); } as any;
      await Promise.all([nango.get({ endpoint: '/tasks' }), nango.get({ endpoint: '/tasks' })]); return 'well';`,
    ends: OWN_FAULT,
  },
  ...[0, 2 ** 40].map((number) => ({
    name: `says that each of its calls is number ${number === 0 ? 'zero' : 'one too large to store'}`,
    body: `const push = Array.prototype.push;
      Array.prototype.push = function (this: any[], ...items: any[]) { for (const item of items) if (item?.kind) item.number = ${number}; return push.apply(this, items); } as any;
      for (let n = 0; n < 3; n++) await nango.post({ endpoint: '/tasks', data: {} }); return 'well';`,
    ends: OWN_FAULT,
  })),
  {
    name: 'floods the log',
    body: `for (let n = 0; n < 2_000; n++) nango.log('x'.repeat(2_000) + n); await nango.log('last'); return 'well';`,
    answers: 'well',
  },
  {
    name: 'calls for ever',
    body: `const random = () => Array.from({ length: 300 }, () => Math.random().toString(36).slice(2)).join('');
      for (;;) await Promise.all(Array.from({ length: 20 }, () => nango.get({ endpoint: '/tasks', params: { random: random() } }).catch(() => null)));`,
    ends: /^script_limit_exceeded$/,
    says: /NANGO_MAX_JOURNAL_MB/,
  },
  { name: 'floods with timers', body: `for (;;) setTimeout(() => {}, 1e6);`, ends: OWN_FAULT },
  {
    name: 'calls itself',
    body: `return nango.triggerAction('attack', 'victim', 'calls-itself', {});`,
    ends: /^script_limit_exceeded$/,
    says: /under way/,
  },
  {
    name: 'calls itself many times at once',
    body: `await Promise.all(Array.from({ length: 60 }, () => nango.triggerAction('attack', 'victim', 'calls-itself-many-times-at-once', {})));`,
    ends: /^script_limit_exceeded$/,
  },
];

const FORGING: readonly Attack[] = [
  ...[
    'runner_lost',
    'store_unavailable',
    'engine_unavailable',
    'lease_lost',
    'internal',
    'journal_damaged',
    'unknown_account',
  ].map((code) => ({
    name: `throws what it says is ${code}`,
    body: `throw Object.assign(new Error('forged'), { name: 'EngineError', code: '${code}', details: { retryAfterS: 1e9 } });`,
    ends: /^script_failed$/,
  })),
  {
    name: 'breaks into the prelude for a code that would have it begun again',
    body: `const get = WeakMap.prototype.get; WeakMap.prototype.get = function (this: any, key: any) { return key?.isForged ? 'runner_lost' : get.call(this, key); } as any;
      throw Object.assign(new Error('forged'), { isForged: true });`,
    ends: /^script_failed$/,
  },
  {
    name: 'writes its own end, of megabytes',
    body: `const stringify: any = JSON.stringify; const error = { name: 'Error', message: 'm'.repeat(5e6), code: 'action_failed', payload: 'p'.repeat(5e6) };
      JSON.stringify = ((value: any, ...rest: any[]) => (value?.ok === false ? stringify({ ok: false, error }) : stringify(value, ...rest))) as any; throw new Error('x');`,
    ends: /^action_failed$/,
    says: /^.{1,9000}$/,
  },
  {
    name: 'throws a proxy that throws',
    body: `throw new Proxy({}, { get() { throw new Error('trap'); }, has() { throw 1; }, getPrototypeOf() { throw 2; } });`,
    ends: OWN_FAULT,
  },
  {
    name: 'throws a revoked proxy',
    body: `const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy;`,
    ends: OWN_FAULT,
  },
  { name: 'throws a symbol', body: `throw Symbol('x');`, ends: OWN_FAULT },
  { name: 'throws texts that Postgres does not hold', body: `throw new Error('a\\0b\\ud800c');`, ends: OWN_FAULT },
  {
    name: 'throws a payload without an end',
    body: `const payload: any = { type: 'x' }; payload.self = payload; throw new (nango as any).ActionError(payload);`,
    ends: /^action_failed$/,
  },
  {
    name: 'throws a payload that Postgres does not hold',
    body: `throw new (nango as any).ActionError({ type: 'a\\0b', ['\\0']: '\\ud800' });`,
    ends: /^action_failed$/,
  },
  {
    name: 'throws a huge payload',
    body: `throw new (nango as any).ActionError({ type: 'x'.repeat(40e6) });`,
    ends: /^(action_failed|script_out_of_memory|runner_lost)$/,
  },
  {
    name: 'answers texts that Postgres does not hold',
    body: `return { ['a\\0']: '\\0\\ud800' };`,
    answers: { 'a\0': '\0\ud800' },
  },
  {
    name: 'takes promises over',
    body: `const then = Promise.prototype.then; Promise.prototype.then = function (ok: any, no: any) { return then.call(this, (value: any) => ok?.('forged'), no); } as any;
      (globalThis as any).Promise = class { static resolve() { return 1; } }; Object.prototype.toString = () => 'x'; return (await nango.get({ endpoint: '/tasks' }) as any) === 'forged' ? 'forged' : 'true';`,
    ends: OWN_FAULT,
  },
  {
    name: 'makes every object a promise',
    body: `Object.defineProperty(Object.prototype, 'then', { value(resolve: any) { resolve('forged'); }, writable: true, configurable: true }); await nango.get({ endpoint: '/tasks' }); return { a: 1 };`,
    ends: OWN_FAULT,
  },
  {
    name: 'writes JSON that is none',
    body: `JSON.stringify = (() => '{"broken') as any; await nango.get({ endpoint: '/tasks' });`,
    ends: OWN_FAULT,
  },
  {
    name: 'answers JSON that is none',
    body: `JSON.stringify = ((value: any) => '{"broken') as any; return { a: 1 };`,
    ends: OWN_FAULT,
  },
  {
    name: 'pollutes by its answer',
    body: `return JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');`,
    answers: JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
  },
];

const STORING: readonly Attack[] = [
  {
    name: 'saves numbers that are none',
    kind: 'sync',
    body: `await nango.batchSave([{ id: 'n', n: (JSON as any).rawJSON('1e400000') }], 'Task');`,
    ends: OWN_FAULT,
  },
  {
    name: 'saves JSON that is none',
    kind: 'sync',
    body: `const stringify = JSON.stringify; JSON.stringify = ((value: any, ...rest: any[]) => (value?.id === 'j' ? '{"id":"j"' : (stringify as any)(value, ...rest))) as any; await nango.batchSave([{ id: 'j' }], 'Task');`,
    ends: OWN_FAULT,
  },
  {
    name: 'saves a row that is many',
    kind: 'sync',
    body: `const stringify = JSON.stringify; JSON.stringify = ((value: any, ...rest: any[]) => (value?.id === 'm' ? '{"id":"m"},\\n{"id":"other"}' : (stringify as any)(value, ...rest))) as any; await nango.batchSave([{ id: 'm' }], 'Task');`,
    ends: OWN_FAULT,
  },
  {
    name: 'saves what is nested too deep',
    kind: 'sync',
    body: `const stringify = JSON.stringify; const deep = '['.repeat(2e5) + ']'.repeat(2e5); JSON.stringify = ((value: any, ...rest: any[]) => (value?.id === 'd' ? '{"id":"d","x":' + deep + '}' : (stringify as any)(value, ...rest))) as any; await nango.batchSave([{ id: 'd' }], 'Task');`,
    ends: OWN_FAULT,
  },
  {
    name: 'saves texts that Postgres does not hold',
    kind: 'sync',
    body: `await nango.batchSave([{ id: 'a\\0b', t: '\\ud800\\0' }], 'Task');`,
  },
  {
    name: 'saves an id without an end',
    kind: 'sync',
    body: `await nango.batchSave([{ id: 'x'.repeat(5e6) }], 'Task');`,
    ends: OWN_FAULT,
  },
  {
    name: 'names a model by what is not its own',
    kind: 'sync',
    body: `await nango.batchSave([{ id: 'x' }], '__proto__');`,
    ends: OWN_FAULT,
  },
  {
    name: 'keeps texts that Postgres does not hold',
    kind: 'sync',
    body: `await nango.updateMetadata({ a: '\\0' });`,
  },
  {
    name: 'locks by a key that Postgres does not hold',
    kind: 'sync',
    body: `await nango.tryAcquireLock({ key: 'a\\0b', ttlMs: 1000 });`,
    ends: OWN_FAULT,
  },
  {
    name: 'checkpoints a bomb',
    kind: 'sync',
    body: `await (nango as any).saveCheckpoint({ a: 'x'.repeat(30e6) });`,
    ends: /^(checkpoint_invalid|script_failed|script_limit_exceeded|script_out_of_memory|script_timed_out|runner_lost)$/,
  },
  { name: 'logs texts that Postgres does not hold', kind: 'sync', body: `await nango.log('a\\0b\\ud800');` },
];

export const ATTACKS: readonly Attack[] = [...REACHING, ...COMPUTING, ...HOARDING, ...FLOODING, ...FORGING, ...STORING];
