/** Types of an integrations folder, checked by the installed TypeScript's own `tsc`. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EngineError } from '../contract/failures.ts';
import type { Mistake } from '../manifest/manifest.ts';
import { SANDBOX_TYPES, SANDBOX_TYPES_FILE } from '../manifest/sandbox-types.ts';
import { TSCONFIG_TEXT } from '../manifest/tsconfig-template.ts';
import { cacheFolder } from './build-cache.ts';
import { zodVersion } from './bundling.ts';
import { runCompiler } from './compiler.ts';
import { installedPackage } from './package.ts';
import { type Project, writeGenerated } from './project.ts';
import { SLICE, slicesOf } from './type-slices.ts';
import { placeIn, withSlashes } from './place.ts';

export type TypeCheckOptions = {
  /** How many scripts there are, as far as is known. */
  readonly scripts: number;
  /** How many files are looked at together. @default 500 */
  readonly slice?: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Every type error of the project, files relative to its folder. The folder's own `tsconfig.json` decides, as it does
 * in the editor; without one, the configuration that `nango init` writes. Throws `internal` when tsc does not run.
 */
export async function checkTypes(
  project: Project,
  { scripts, slice = SLICE, signal }: TypeCheckOptions,
): Promise<Mistake[]> {
  const folder = await realpath(project.folder);
  // One place for all builds: what the compiler remembers there names the configuration and its files.
  const kept = await cacheFolder(project);
  const draft = kept ?? (await mkdtemp(join(tmpdir(), 'nango-types-')));
  try {
    const config = await configuration(project, folder, draft);
    const check = { folder, draft, signal };
    // Types that packages declare for all are looked for above the configuration: it stays in the folder.
    const isLarge = kept !== undefined && scripts > slice;
    const slices = isLarge ? await slicesOf(config, { folder, size: slice, signal }) : [];
    return slices.length < 2 ? await checkWith(config, 'types', check) : await checkSlices(config, slices, check);
  } finally {
    if (kept === undefined) await rm(draft, { recursive: true, force: true });
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
        file: placeIn(folder, resolve(cwd, file)),
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

type Check = { readonly folder: string; readonly draft: string; readonly signal: AbortSignal | undefined };

/** What the compiler is told: the folder's own file where that is enough, else one in `draft`. */
async function configuration(project: Project, folder: string, draft: string): Promise<string> {
  const own = join(folder, 'tsconfig.json');
  if (existsSync(own) && project.form === 'yaml') return own;
  const config = join(draft, 'tsconfig.json');
  const base = existsSync(own) ? await extending(own, folder) : configFor(folder, project.form);
  const supplied = project.form === 'yaml' ? {} : await supply(folder, own, draft);
  await writeGenerated(config, JSON.stringify(withSupplied(base, supplied)));
  return config;
}

/** One slice after the other. What several of them see is said once. */
async function checkSlices(config: string, slices: readonly (readonly string[])[], check: Check): Promise<Mistake[]> {
  const found = new Map<string, Mistake>();
  for (const [index, files] of slices.entries()) {
    const name = `types-${index}`;
    const part = join(check.draft, `tsconfig-${index}.json`);
    // A composite project wants all files of a program listed, also those that are imported from another slice.
    const whole = { extends: config, compilerOptions: { composite: false }, files, include: [] };
    await writeGenerated(part, JSON.stringify(whole));
    for (const mistake of await checkWith(part, name, check)) {
      const { file, line, column, message } = mistake;
      const key = `${file}:${line}:${column}:${message.split(':', 1)[0]}`;
      if (!found.has(key)) found.set(key, mistake);
    }
  }
  return [...found.values()];
}

/** `name`: of the file in which the compiler remembers what it found. */
async function checkWith(config: string, name: string, { folder, draft, signal }: Check): Promise<Mistake[]> {
  const remembered = join(draft, `${name}.tsbuildinfo`);
  const flags = ['--noEmit', '--pretty', 'false', '--incremental', '--tsBuildInfoFile', remembered];
  const { code, output } = await runCompiler(['-p', config, ...flags], folder, signal);
  const mistakes = parseDiagnostics(output, folder, folder);
  // A folder whose scripts are all still missing is no error of types.
  if (output.includes('error TS18003')) return mistakes.filter((mistake) => !mistake.message.startsWith('TS18003'));
  if (code === 0 || mistakes.length > 0) return mistakes;
  throw new EngineError('internal', `tsc ended with code ${code}: ${output.trim().slice(0, 500) || 'no output'}`);
}

/** The folder's own configuration; one that names no files means all of its folder, not of that of who extends it. */
async function extending(own: string, folder: string): Promise<Config> {
  if (/"(include|files|extends)"\s*:/.test(await readFile(own, 'utf8'))) return { extends: own };
  const base = withSlashes(folder);
  return { extends: own, include: [`${base}/**/*.ts`], exclude: [`${base}/**/node_modules`] };
}

/** The configuration of `nango init`, aimed at a folder elsewhere. */
function configFor(folder: string, form: Project['form']) {
  const config = JSON.parse(TSCONFIG_TEXT) as { compilerOptions: object; include: string[]; exclude: string[] };
  const base = withSlashes(folder);
  const absolute = (patterns: string[]) => patterns.map((pattern) => `${base}/${pattern}`);
  // Projects of the newer form were strict from their first day.
  const strict = form === 'zero-yaml' ? { strict: true, noImplicitAny: true, strictNullChecks: true } : {};
  const compilerOptions = { ...config.compilerOptions, ...strict };
  return { ...config, compilerOptions, include: absolute(config.include), exclude: absolute(config.exclude) };
}

type Supplied = { readonly paths?: Readonly<Record<string, readonly string[]>>; readonly files?: readonly string[] };

/**
 * What a zero-yaml project imports and has not installed, from our own package: the module `nango`, zod, and the
 * sandbox's globals unless the project takes Node's. A compiler without ambient types knows no `Buffer` by itself.
 */
async function supply(folder: string, own: string, draft: string): Promise<Supplied> {
  const text = existsSync(own) ? await readFile(own, 'utf8') : '';
  const takesNode = /"types"\s*:\s*\[[^\]]*"node"/.test(text);
  const globals = join(draft, SANDBOX_TYPES_FILE);
  if (!takesNode) await writeGenerated(globals, SANDBOX_TYPES);
  const files = takesNode ? {} : { files: [globals] };
  // A project that maps names itself knows where its modules are.
  if (/"paths"\s*:/.test(text)) return files;
  const types = join(installedPackage().root, 'author', 'index.d.ts');
  const zod = dirname(createRequire(import.meta.url).resolve('zod/package.json'));
  const paths = {
    ...(isInstalled(folder, 'nango') ? {} : { nango: [types] }),
    ...(isInstalled(folder, '@nangohq/runner-sdk') ? {} : { '@nangohq/runner-sdk': [types] }),
    ...(isInstalled(folder, 'zod')
      ? {}
      : { zod: [join(zod, zodVersion(folder) === 3 ? 'v3' : '', 'index.d.ts')], 'zod/*': [join(zod, '*')] }),
  };
  return { ...files, paths };
}

type Config = {
  readonly extends?: string;
  readonly compilerOptions?: object;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
};

function withSupplied(config: Config, { paths, files }: Supplied): object {
  // Declarations are ours or a package's: what they say twice, such as URL beside the DOM's, is no author's mistake.
  const options = { ...config.compilerOptions, skipLibCheck: true, ...(paths === undefined ? {} : { paths }) };
  return { ...config, compilerOptions: options, ...(files === undefined ? {} : { files }) };
}

/** Whether Node would find a package from a folder: in its `node_modules`, or in that of a folder above. */
function isInstalled(folder: string, name: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'node_modules', name, 'package.json'))) return true;
    if (at === dirname(at)) return false;
  }
}
