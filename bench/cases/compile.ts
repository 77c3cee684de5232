import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Closing } from '../../runtime/closing.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { median } from '../load.ts';
import { measureTree, total } from '../memory.ts';
import { scriptFiles, writeProject } from '../project.ts';

const ROUNDS = 5;
const SAVES = 7;
const MANY = 6_000;
const NANGO = fileURLToPath(new URL('../../bin/nango.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

type Timed = { readonly seconds: number; readonly peakMib: number };

/**
 * The author's commands on made-up projects, each command a process of its own as users start it, beside `tsc` and
 * esbuild alone on the same files. `--thorough` adds a project of 6,000 scripts with the memory of all its processes.
 */
export async function benchCompile(closing: Closing, { say, thorough }: BenchOptions): Promise<Figures> {
  const root = await mkdtemp(join(tmpdir(), 'nango-temporal-bench-'));
  closing.add('the projects', () => rm(root, { recursive: true, force: true }));
  const folder = join(root, 'p300');
  await writeProject(folder, 300);
  const [cold, warm, tsc, esbuild]: number[][] = [[], [], [], []];
  // In turns, so that a machine that is busy for a while slows all of them.
  for (let round = 0; round < ROUNDS; round += 1) {
    await rm(join(folder, '.nango/cache'), { recursive: true, force: true });
    cold?.push((await nango(folder, 'compile')).seconds);
    warm?.push((await nango(folder, 'compile')).seconds);
    tsc?.push(await tscAlone(folder));
    esbuild?.push(await esbuildAlone(folder));
    say(`round ${round + 1}: cold ${cold?.at(-1)?.toFixed(2)} s, warm ${warm?.at(-1)?.toFixed(2)} s`);
  }
  const tests = await nango(folder, 'test', '--clock', 'recorded');
  const help = await times(ROUNDS, () => nango(root, '--help'));
  const yaml = join(root, 'yaml');
  await nango(root, 'init', yaml, '--no-interactive');
  const generate = await times(ROUNDS, () => nango(yaml, 'generate'));
  return {
    cold_s: median(cold ?? []),
    warm_s: median(warm ?? []),
    tsc_s: median(tsc ?? []),
    esbuild_s: median(esbuild ?? []),
    tests_per_s: 300 / tests.seconds,
    generate_s: generate,
    help_ms: help * 1_000,
    save_to_verdict_ms: await saveToVerdict(closing, join(root, 'p200'), say),
    ...(thorough ? await manyScripts(join(root, 'many')) : {}),
  };
}

async function manyScripts(folder: string): Promise<Figures> {
  await writeProject(folder, MANY);
  const { seconds, peakMib } = await nango(folder, 'compile');
  return { many_s: seconds, many_peak_mib: peakMib };
}

async function times(rounds: number, run: () => Promise<Timed>): Promise<number> {
  const all: number[] = [];
  for (let round = 0; round < rounds; round += 1) all.push((await run()).seconds);
  return median(all);
}

function nango(cwd: string, ...args: readonly string[]): Promise<Timed> {
  return timed(spawn(process.execPath, [NANGO, ...args], { cwd, stdio: ['ignore', 'ignore', 'pipe'] }), args.join(' '));
}

/** Throws when the process fails: a figure of a failed command would be none. */
async function timed(child: ChildProcess, what: string): Promise<Timed> {
  const begun = performance.now();
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  let peakMib = 0;
  const sampling = setInterval(() => {
    peakMib = Math.max(peakMib, total(measureTree(child.pid ?? 0)).pssMib);
  }, 250);
  const [code] = (await once(child, 'close').finally(() => clearInterval(sampling))) as [number | null];
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${said.slice(0, 2_000)}`);
  return { seconds: (performance.now() - begun) / 1_000, peakMib };
}

async function tscAlone(folder: string): Promise<number> {
  const config = join(folder, 'tsconfig.bench.json');
  const at = (path: string) => join(ROOT, path);
  const paths = { nango: [at('author/index.d.ts')], zod: [at('node_modules/zod/index.d.ts')] };
  await writeFile(config, JSON.stringify({ extends: './tsconfig.json', compilerOptions: { types: [], paths } }));
  const args = [at('node_modules/typescript/bin/tsc'), '-p', config, '--noEmit'];
  return (await timed(spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] }), 'tsc')).seconds;
}

async function esbuildAlone(folder: string): Promise<number> {
  const args = ['--bundle', '--format=cjs', '--platform=neutral', '--external:zod', '--external:nango', '--outdir=out'];
  const command = [...scriptFiles(300), ...args, '--log-level=error'];
  return (
    await timed(
      spawn(join(ROOT, 'node_modules/esbuild/bin/esbuild'), command, {
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
      'esbuild',
    )
  ).seconds;
}

/** From the moment a script is saved to the line of `nango dev` that says whether all is well, in a project of 200. */
async function saveToVerdict(closing: Closing, folder: string, say: (line: string) => void): Promise<number> {
  await writeProject(folder, 200);
  const child = spawn(process.execPath, [NANGO, 'dev'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  closing.add('nango dev', async () => void child.kill('SIGINT'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const verdict = async () => {
    for (let line = await lines.next(); !line.done; line = await lines.next())
      if (/^No mistakes/.test(line.value)) return line.value;
    throw new Error('nango dev ended');
  };
  say(await verdict());
  const waits: number[] = [];
  for (let save = 0; save < SAVES; save += 1) {
    await delay(500);
    const begun = performance.now();
    await appendFile(join(folder, 'app-3/syncs/script-60.ts'), `// ${save}\n`);
    say(await verdict());
    waits.push(performance.now() - begun);
  }
  child.kill('SIGINT');
  return median(waits);
}
