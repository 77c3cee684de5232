/** Types of an integrations folder, checked by the installed TypeScript's own `tsc`. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { EngineError } from '../contract/failures.ts';
import type { Mistake } from '../manifest/manifest.ts';
import { TSCONFIG_TEXT } from '../manifest/tsconfig-template.ts';
import type { Project } from './project.ts';

/**
 * Every type error of the project, files relative to its folder. The folder's own `tsconfig.json` decides, as it does
 * in the editor; without one, the configuration that `nango init` writes. Throws `internal` when tsc does not run.
 */
export async function checkTypes(project: Project, signal?: AbortSignal): Promise<Mistake[]> {
  const folder = await realpath(project.folder);
  const own = join(folder, 'tsconfig.json');
  if (existsSync(own)) return checkWith(own, folder, signal);
  const draft = await mkdtemp(join(tmpdir(), 'nango-types-'));
  try {
    const config = join(draft, 'tsconfig.json');
    await writeFile(config, tsconfigFor(folder));
    return await checkWith(config, folder, signal);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Reads tsc's plain output. Indented lines belong to the message before them. */
export function parseDiagnostics(output: string, cwd: string, folder: string): Mistake[] {
  const mistakes: { file: string; line: number; column: number; message: string }[] = [];
  for (const text of output.split(/\r?\n/)) {
    const placed = /^(.+?)\((\d+),(\d+)\): error (TS\d+: .*)$/.exec(text);
    const placeless = /^error (TS\d+: .*)$/.exec(text);
    const last = mistakes.at(-1);
    if (placed !== null) {
      const [, file = '', line, column, message = ''] = placed;
      mistakes.push({
        file: inFolder(resolve(cwd, file), folder),
        line: Number(line),
        column: Number(column),
        message,
      });
    } else if (placeless !== null) {
      mistakes.push({ file: 'tsconfig.json', line: 1, column: 1, message: placeless[1] ?? '' });
    } else if (last !== undefined && /^\s+\S/.test(text)) {
      last.message += ` ${text.trim()}`;
    }
  }
  return mistakes;
}

async function checkWith(config: string, folder: string, signal: AbortSignal | undefined): Promise<Mistake[]> {
  const { code, output } = await runCompiler(
    ['-p', config, '--noEmit', '--pretty', 'false', '--incremental', 'false'],
    folder,
    signal,
  );
  const mistakes = parseDiagnostics(output, folder, folder);
  // A folder whose scripts are all still missing is no error of types.
  if (output.includes('error TS18003')) return mistakes.filter((mistake) => !mistake.message.startsWith('TS18003'));
  if (code === 0 || mistakes.length > 0) return mistakes;
  throw new EngineError('internal', `tsc ended with code ${code}: ${output.trim().slice(0, 500) || 'no output'}`);
}

async function runCompiler(
  args: readonly string[],
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<{ code: number | null; output: string }> {
  const { promise, resolve: done, reject } = Promise.withResolvers<{ code: number | null; output: string }>();
  const child = spawn(process.execPath, [compilerFile(), ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.on('error', (cause) => reject(new EngineError('internal', `tsc does not start: ${cause.message}`, { cause })));
  child.on('close', (code) => done({ code, output }));
  return promise;
}

function compilerFile(): string {
  return join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
}

/** The configuration of `nango init`, aimed at a folder elsewhere. */
function tsconfigFor(folder: string): string {
  const config = JSON.parse(TSCONFIG_TEXT) as { include: string[]; exclude: string[] };
  const base = folder.split(sep).join('/');
  const absolute = (patterns: string[]) => patterns.map((pattern) => `${base}/${pattern}`);
  return JSON.stringify({ ...config, include: absolute(config.include), exclude: absolute(config.exclude) });
}

function inFolder(path: string, folder: string): string {
  return relative(folder, path).split(sep).join('/');
}
