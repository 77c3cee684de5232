import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Host } from '../../contract/host.ts';
import { DEFAULT_LIMITS } from '../../sandbox/limits.ts';
import { createSandbox } from '../../sandbox/pool.ts';
import { action, useSandbox } from './use-sandbox.ts';
import { until } from '../support/until.ts';

const lost: Record<string, unknown>[] = [];
const { sandbox, run, outputOf, failureOf } = useSandbox({
  maxChildren: 3,
  log: (_, fields) => lost.push({ ...fields }),
});
const SMALL = { memoryMb: 64, cpuMs: 3000 };

/** Pids of the runner children of a process, by default this one. */
function childPids(parent: number | undefined = process.pid): number[] {
  const pids = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(/\s+/).filter(Boolean);
  return pids.map(Number).filter((pid) => commandOf(pid).includes('runner/main'));
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

test.each([
  ['objects', 'const a: any[] = []; while (true) a.push({ x: 1, y: [1, 2] });'],
  ['a loop V8 does not interrupt', 'const a: any[] = []; while (true) a.push(new Array(1000).fill(1.5));'],
  ['texts', 'const a: any[] = []; while (true) a.push("x".repeat(100_000) + a.length);'],
  [
    'promises',
    'const a: any[] = []; const g = (): any => { a.push(Promise.resolve().then(g)); h(); }; const h = () => Promise.resolve().then(g); g(); await null;',
  ],
  ['a map', 'const m = new Map(); let i = 0; while (true) m.set(i++, i);'],
  ['calls', 'while (true) nango.get({ endpoint: "/x" });'],
  [
    'a loop V8 does not interrupt, entered right after many quick answers',
    'for (let n = 0; n < 500; n++) await nango.log("x"); const a: any[] = []; while (true) a.push(new Array(1000).fill(1.5));',
  ],
  [
    'memory kept over many calls',
    'const a: any[] = []; while (true) { await nango.log("x"); a.push(new Array(40_000).fill(a.length).map((x) => ({ x }))); }',
  ],
])('U117 U122: a memory bomb of %s ends with its reason, and the next run is well', async (_, body) => {
  // Time enough that a slow machine runs out of memory first.
  expect(await failureOf(action(body), { limits: { ...SMALL, cpuMs: 14_000 } })).toMatchObject({
    code: 'script_out_of_memory',
    message: expect.stringMatching(/memory limit of 64 MB/),
  });
  expect(await outputOf('return 1;')).toBe(1);
});

test.each([
  ['endless recursion', 'const f = (): number => f() + 1; f();', /Maximum call stack/],
  ['a huge text', 'let s = "x"; while (true) s += s;', /Invalid string length/],
  ['timers', 'while (true) setTimeout(() => {}, 1e6);', /more than 10000 timers/],
])('%s fails with its reason', async (_, body, reason) => {
  expect((await failureOf(action(body), { limits: SMALL })).message).toMatch(reason);
});

test('a flood of log lines is stopped by the processor limit and is bounded', async () => {
  const { outcome, calls } = await run(action('while (true) nango.log("line");'), { limits: { ...SMALL, cpuMs: 300 } });
  expect(outcome).toMatchObject({ failure: { code: 'script_timed_out' } });
  expect(calls.length).toBeLessThan(11_000);
});

test('lines dropped by a flood are counted in a later line', async () => {
  const body = `const lines = Array.from({ length: 10_050 }, (_, i) => nango.log(i));
    await Promise.all(lines);
    await nango.log('after');`;
  const { calls } = await run(action(body), { limits: { wallClockMs: 60_000 } });
  expect(calls.at(-1)?.args['message']).toBe('after (50 lines before this one were dropped: too many at once)');
});

test('U070: six bad scripts beside twenty good ones leave all the good ones well', async () => {
  const bad = [
    'while (true) {}',
    'Promise.reject(new Error("late"));',
    'const f = (): number => f() + 1; f();',
    '(globalThis as any).process.exit(1);',
    'while (true) nango.log("x");',
    'const a: any[] = []; while (true) a.push(new Array(100_000).fill(a.length));',
  ];
  const good = 'for (let i = 0; i < 5; i++) await nango.get({ endpoint: "/" + i }); return input.n;';
  const [goods] = await Promise.all([
    Promise.all(Array.from({ length: 20 }, (_, n) => outputOf(good, { input: JSON.stringify({ n }) }))),
    Promise.all(bad.map((body) => run(action(body), { limits: { cpuMs: 500, memoryMb: 64 } }))),
  ]);
  expect(goods).toEqual(Array.from({ length: 20 }, (_, n) => n));
});

test('U071: a child that is killed from outside loses its runs with the signal’s name and a code that may be retried, and is replaced', async () => {
  const killed: number[] = [];
  const log = async () => {
    killed.push(...childPids());
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    return { value: null };
  };
  const failure = await failureOf(action('await nango.log("x"); await nango.log("y");'), { host: { log } });
  expect(failure).toMatchObject({ code: 'runner_lost', message: expect.stringMatching(/SIGKILL/) });
  // The spare was killed as well, and its end may be heard of later.
  await until('end of what was killed', () => !killed.some(isThere));
  expect(await outputOf('return 2;')).toBe(2);
  expect(lost.at(-1)).toMatchObject({ signal: 'SIGKILL' });
});

test('runs of one environment share a child, those of two never do', async () => {
  const own = createSandbox({ maxChildren: 4 });
  const children: number[] = [];
  for (const environment of ['one', 'one', 'two', 'one']) {
    await runIn(own, { environment });
    children.push(own.stats().children);
  }
  await own.close();
  // The spare counts as one besides.
  expect(children.slice(1)).toEqual([2, 3, 3]);
});

test('a run that is to be alone shares its child with no other, also where there is no room for one more', async () => {
  const own = createSandbox({ maxChildren: 1 });
  const bothRun = Promise.withResolvers<number>();
  let arrived = 0;
  const log = async () => {
    arrived += 1;
    if (arrived === 2) bothRun.resolve(own.stats().children);
    await bothRun.promise;
    return { value: null };
  };
  const held = { body: 'await nango.log("held");', host: { log } };
  await Promise.all([runIn(own, held), runIn(own, { ...held, alone: true })]);
  await own.close();
  // One each, and the spare.
  expect(await bothRun.promise).toBe(3);
});

test('there are children for as many runs as were asked for', async () => {
  const RUNS = 60;
  const own = createSandbox({ runsAtOnce: RUNS, runsPerChild: 10 });
  const allRun = Promise.withResolvers<void>();
  let arrived = 0;
  const log = async () => {
    arrived += 1;
    if (arrived === RUNS) allRun.resolve();
    await allRun.promise;
    return { value: null };
  };
  const outcomes = await Promise.all(
    Array.from({ length: RUNS }, () => runIn(own, { body: 'await nango.log("held");', host: { log } })),
  );
  await own.close();
  expect(outcomes.map(({ status }) => status)).toEqual(Array(RUNS).fill('completed'));
});

test('an environment does not wait for the runs of others, however few children there may be', async () => {
  const own = createSandbox({ maxChildren: 1, runsPerChild: 1, sparesWhenFull: false });
  const released = Promise.withResolvers<void>();
  const held = runIn(own, {
    body: 'await nango.log("held");',
    host: { log: () => released.promise.then(() => ({ value: null })) },
    environment: 'one',
  });
  expect(await runIn(own, { environment: 'two' })).toMatchObject({ status: 'completed' });
  released.resolve();
  expect(await held).toMatchObject({ status: 'completed' });
  await own.close();
});

test('a child of another environment gives way when all children are taken', async () => {
  for (const environment of ['a', 'b', 'c', 'd', 'e']) expect(await outputOf('return 1;', { environment })).toBe(1);
  expect(sandbox.stats().children).toBeLessThanOrEqual(4);
});

test('more runs than there is room wait for their turn', async () => {
  const all = Array.from({ length: 70 }, (_, n) =>
    outputOf('await nango.log("x"); return input;', { input: String(n) }),
  );
  expect(await Promise.all(all)).toEqual(Array.from({ length: 70 }, (_, n) => n));
  expect(sandbox.stats().running).toBe(0);
});

test('U119: a child has its flags from us, nothing in its environment but time zone and locale, and may read only its own code', async () => {
  await outputOf('return 1;');
  const [pid] = childPids();
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean).sort();
  expect(environment).toEqual(['LANG=en_US.UTF-8', 'LC_ALL=en_US.UTF-8', 'TZ=UTC']);
  const flags = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  expect(flags).toEqual(expect.arrayContaining(['--no-node-snapshot', '--permission', '--allow-addons']));
  const readable = flags.filter((flag) => flag.startsWith('--allow-fs-read='));
  expect(readable.map((flag) => flag.replace(/^.*\/(?=[^/]+\/\*$)/, ''))).toEqual([
    'sandbox/*',
    'isolated-vm/*',
    'node-gyp-build/*',
    '--allow-fs-read=/etc/alpine-release',
  ]);
  expect(flags.some((flag) => /--allow-(fs-write|child-process|worker|net|wasi)/.test(flag))).toBe(false);
});

test('U071: a child is replaced after its number of runs', async () => {
  const few = createSandbox({ maxChildren: 1, recycleAfter: 2 });
  try {
    const before = new Set(childPids());
    const seen = new Set<number>();
    for (let i = 0; i < 6; i++) {
      await runIn(few);
      for (const pid of childPids()) if (!before.has(pid)) seen.add(pid);
    }
    expect(seen.size).toBeGreaterThanOrEqual(3);
  } finally {
    await few.close();
  }
});

test('U071: thousands of runs in one child leave no more behind than the first thousand', async () => {
  const one = createSandbox({ maxChildren: 1, sparesWhenFull: false, recycleAfter: 10_000 });
  try {
    const held = async (runs: number): Promise<number> => {
      for (let i = 0; i < runs; i++) await runIn(one);
      return one.stats().residentBytes;
    };
    const first = await held(1_000);
    const [pid] = one.stats().pids;
    const second = await held(3_000);
    expect(one.stats().pids).toEqual([pid]);
    expect((second - first) / 2 ** 20).toBeLessThan(25);
  } finally {
    await one.close();
  }
}, 120_000);

test('U105: script processes that are killed again and again fail their runs at once, and the service recovers alone', async () => {
  const seen: unknown[] = [];
  let isRaining = true;
  const rain = (async () => {
    for (let kills = 0; kills < 40; ) {
      for (const pid of childPids()) {
        process.kill(pid, 'SIGKILL');
        kills += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    isRaining = false;
  })();
  while (isRaining) {
    const { outcome } = await run(action('await nango.log("x"); return 1;'));
    seen.push(outcome.status === 'failed' ? outcome.failure.code : outcome.status);
  }
  await rain;
  const overAt = performance.now();
  expect(seen).toContain('runner_lost');
  expect(seen.filter((one) => one !== 'runner_lost' && one !== 'completed')).toEqual([]);
  // The last blow may still be on its way.
  while ((await run(action('return 1;'))).outcome.status !== 'completed');
  expect(await outputOf('return 2;')).toBe(2);
  expect(performance.now() - overAt).toBeLessThan(30_000);
}, 60_000);

test('closing ends the children and aborts what runs', async () => {
  const own = createSandbox({ maxChildren: 1 });
  const body = 'setTimeout(() => {}, 0); await new Promise((r) => setTimeout(r, 60_000));';
  const running = runIn(own, { body, onStart: () => void own.close() });
  expect(await running).toMatchObject({ failure: { code: 'script_aborted' } });
  await own.close();
  expect(own.stats()).toEqual({ children: 0, isolates: 0, running: 0, residentBytes: 0, pids: [] });
});

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a worker that ends by %s leaves no child behind, not even one in a loop',
  async (signal) => {
    const { href } = new URL('../../sandbox/', import.meta.url);
    const worker = spawn(process.execPath, ['--no-node-snapshot', '--input-type=module', '--eval', workerText(href)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(worker.stdout, 'data');
    const pids = childPids(worker.pid);
    expect(pids.length).toBeGreaterThan(0);
    worker.kill(signal);
    await once(worker, 'exit');
    await until('end of each child', () => !pids.some(isAlive));
  },
);

test('U121: the isolated-vm in use is not below the version that closed the escape', () => {
  const { version } = JSON.parse(
    readFileSync(new URL('../../node_modules/isolated-vm/package.json', import.meta.url), 'utf8'),
  );
  const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
    packages: Record<string, { version?: string }>;
  };
  const locked = Object.entries(lock.packages).filter(([path]) => path.endsWith('node_modules/isolated-vm'));
  for (const one of [version, ...locked.map(([, entry]) => entry.version)]) {
    const [major = 0, minor = 0, patch = 0] = String(one).split('.').map(Number);
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(7_000_001);
  }
  expect(locked).not.toEqual([]);
});

/** A worker that runs an endless loop; it prints a line once the script is at it. */
function workerText(folder: string): string {
  const code = 'exports.default = async (nango) => { await nango.log("begun"); while (true) {} };';
  const run = {
    environment: 'dev',
    bundle: { hash: 'h', code, sourceMap: '{}', file: 'a.ts' },
    kind: 'action',
    context: { environmentName: 'dev', providerConfigKey: 'k', provider: 'p', connectionId: 'c', scriptName: 's' },
    seed: '00'.repeat(32),
    limits: { ...DEFAULT_LIMITS, cpuMs: 60_000 },
  };
  return `const { createSandbox } = await import('${folder}pool.ts');
    const log = async () => { console.log('begun'); return { value: null }; };
    const run = { ...${JSON.stringify(run)}, clock: () => new Date(0), host: { log }, signal: new AbortController().signal };
    await createSandbox({ maxChildren: 1 }).run(run);`;
}

/** Whether a process runs; one that only waits to be reaped does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

type Other = {
  readonly environment?: string;
  readonly body?: string;
  readonly alone?: boolean;
  readonly host?: Partial<Host>;
  readonly onStart?: () => void;
};

/** A run in another sandbox than the file's own. */
function runIn(
  other: ReturnType<typeof createSandbox>,
  { environment = 'dev', body = 'return 1;', alone = false, host = {}, onStart }: Other = {},
) {
  return other.run({
    environment,
    bundle: { hash: 'h', code: `exports.default = async (nango) => { ${body} };`, sourceMap: '{}', file: 'a.ts' },
    kind: 'action',
    context: { environmentName: 'dev', providerConfigKey: 'k', provider: 'p', connectionId: 'c', scriptName: 's' },
    input: undefined,
    seed: '00'.repeat(32),
    clock: () => {
      if (onStart !== undefined) setImmediate(onStart);
      return new Date(0);
    },
    host: host as Host,
    limits: DEFAULT_LIMITS,
    alone,
    signal: new AbortController().signal,
  });
}
