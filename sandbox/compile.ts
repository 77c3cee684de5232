/** Author scripts into bundles: one CommonJS text with everything it imports, and the map back to the author's lines. */
import { createHash } from 'node:crypto';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { type BuildFailure, type BuildOptions, type BuildResult, build, type Message, type Plugin } from 'esbuild';
import { EngineError, failureCode } from '../contract/failures.ts';
import type { ScriptBundle } from '../contract/script.ts';
import { neededByPackage, packageMistakes } from './package-mistakes.ts';

/** What `require` finds inside the sandbox. */
const PROVIDED = ['crypto', 'url', 'buffer', 'zod', 'nango'] as const;
const EXTERNAL = [...PROVIDED, 'zod/v3', 'zod/v4', 'nango/experimental', 'node:crypto', 'node:url', 'node:buffer'];
/** `inputs`: every file that was read for it, relative to `root`, also those of which nothing was left in the code. */
export type CompiledBundle = ScriptBundle & { readonly inputs: readonly string[] };
/** What a script became, or what is wrong with it. */
export type Compiled = { readonly bundle: CompiledBundle } | { readonly mistakes: readonly string[] };

/** Before the path of a script: the module that takes from it what a run needs. */
const ENTRY = 'entry-of:';
const INLINE_MAP = /\n?\/\/# sourceMappingURL=data:application\/json[^,\n]*;base64,([A-Za-z0-9+/=]+)\s*$/;

/**
 * Bundles the script `file` (relative to `root`) with its relative imports and pure-JavaScript packages. Throws
 * `compile_failed` with all mistakes at once, each as `file:line:column: text`.
 */
export async function compileScript(script: {
  readonly root: string;
  readonly file: string;
  /** The version that the project pins; the sandbox has both. @default 4 */
  readonly zod?: 3 | 4;
}): Promise<CompiledBundle> {
  const { root, file, zod = 4 } = script;
  const [bundle] = await bundleTogether(root, [file], zod);
  if (bundle === undefined) throw new EngineError('internal', `Script '${file}' has no bundle.`);
  return bundle;
}

/**
 * The same for many scripts: each bundle is as it would be alone, in half of the time, since folders and files that
 * several need are read once. In the order given.
 */
export async function compileScripts(scripts: {
  readonly root: string;
  readonly files: readonly string[];
  readonly zod?: 3 | 4;
}): Promise<readonly Compiled[]> {
  const { root, files, zod = 4 } = scripts;
  try {
    return (await bundleTogether(root, files, zod)).map((bundle) => ({ bundle }));
  } catch (error) {
    if (failureCode(error) !== 'compile_failed') throw error;
    if (files.length === 1) return [{ mistakes: mistakesOf(error as EngineError) }];
    // Whose mistake is whose, only each alone says.
    return (await Promise.all(files.map((file) => compileScripts({ root, files: [file], zod })))).flat();
  }
}

function mistakesOf({ details, message }: EngineError): readonly string[] {
  return details.mistakes ?? [message];
}

async function bundleTogether(root: string, files: readonly string[], zod: 3 | 4): Promise<CompiledBundle[]> {
  const options: BuildOptions = {
    entryPoints: files.map((file, index) => ({ in: `${ENTRY}${file}`, out: String(index) })),
    absWorkingDir: root,
    outdir: root,
    bundle: true,
    format: 'cjs',
    platform: 'neutral',
    mainFields: ['browser', 'module', 'main'],
    conditions: ['browser', 'import', 'default'],
    target: 'es2024',
    sourcemap: 'external',
    external: EXTERNAL,
    ...(zod === 3 ? { alias: { zod: 'zod/v3' } } : {}),
    // The author's own settings could keep type-only imports or choose another target.
    tsconfigRaw: '{}',
    // Nothing is written: a file of the project may be called as an output is.
    allowOverwrite: true,
    logLevel: 'silent',
  };
  const bundle = (...more: readonly Plugin[]) =>
    build({ ...options, write: false, metafile: true, plugins: [entriesIn(root), ...more] });
  const result = await bundle().catch(async (error: unknown) => {
    const rebuild = (plugin: Plugin) => bundle(plugin).catch(() => undefined);
    // Of several, each is bundled alone before anything is said.
    throw await compileError(
      files[0] ?? '',
      error,
      files.length === 1 ? { root, provided: PROVIDED, rebuild } : undefined,
    );
  });
  const outputs = new Map(result.outputFiles.map((output) => [output.path, output.text]));
  return files.map((file, index) => {
    const textOf = (ending: string) => outputs.get(join(root, `${index}${ending}`)) ?? '';
    return { ...bundleOf(textOf('.js'), textOf('.js.map'), file), inputs: inputsOf(result.metafile, file) };
  });
}

function entriesIn(root: string): Plugin {
  return {
    name: 'entries',
    setup: ({ onResolve, onLoad }) => {
      const namespace = ENTRY.slice(0, -1);
      onResolve({ filter: new RegExp(`^${ENTRY}`) }, ({ path }) => ({ path: path.slice(ENTRY.length), namespace }));
      onLoad({ filter: /.*/, namespace }, ({ path }) => {
        const specifier = JSON.stringify(`./${path}`);
        const contents = `export * from ${specifier};\nexport { default } from ${specifier};\n`;
        return { contents, resolveDir: root };
      });
    },
  };
}

/** What a script leads to, import by import. */
function inputsOf({ inputs }: NonNullable<BuildResult['metafile']>, file: string): string[] {
  const entry = `${ENTRY}${file}`;
  const found = new Set([entry]);
  for (const path of found)
    for (const imported of inputs[path]?.imports ?? []) if (imported.external !== true) found.add(imported.path);
  // Modules that a package leaves out in browsers are inputs without a file.
  return [...found].filter((path) => path !== entry && !path.startsWith('('));
}

/** The bundle as one text for transport: the code with its source map behind it. */
export function packForDeploy(bundle: ScriptBundle): string {
  const map = Buffer.from(bundle.sourceMap).toString('base64');
  return `${bundle.code.trimEnd()}\n//# sourceMappingURL=data:application/json;base64,${map}\n`;
}

/** The bundle of a deployed text, with or without an inline source map (then errors name lines of the bundle's file). */
export function bundleFromDeploy(deployed: { readonly js: string; readonly file: string }): ScriptBundle {
  const found = INLINE_MAP.exec(deployed.js);
  const map = found?.[1] === undefined ? EMPTY_MAP : Buffer.from(found[1], 'base64').toString('utf8');
  const code = found === null ? deployed.js : `${deployed.js.slice(0, found.index)}\n`;
  return bundleOf(code, map, deployed.file);
}

const EMPTY_MAP = JSON.stringify({ version: 3, sources: [], names: [], mappings: '' });

function bundleOf(code: string, sourceMap: string, file: string): ScriptBundle {
  return { hash: createHash('sha256').update(code).digest('hex'), code, sourceMap, file };
}

async function compileError(
  file: string,
  error: unknown,
  again: Parameters<typeof packageMistakes>[1] | undefined,
): Promise<EngineError> {
  const errors = (error as Partial<BuildFailure>).errors ?? [];
  if (errors.length === 0) throw error;
  const ofPackages = errors.filter((message) => isNodeModule(neededByPackage(message) ?? ''));
  const packages =
    again === undefined || ofPackages.length === 0 ? undefined : await packageMistakes(ofPackages, again);
  const own = errors.filter((message) => packages?.told.has(message) !== true);
  const mistakes = [...new Set([...own.map((message) => mistakeOf(file, message)), ...(packages?.lines ?? [])])];
  const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
  return new EngineError('compile_failed', `Script '${file}' does not compile (${count}): ${mistakes.join('; ')}`, {
    details: { mistakes },
  });
}

function mistakeOf(file: string, message: Message): string {
  const { location, text } = message;
  const isEntry = location === null || location.file.startsWith(ENTRY);
  const where = isEntry ? `${file}:1:1` : `${location.file}:${location.line}:${location.column + 1}`;
  if (isEntry && /^No matching export/.test(text)) {
    return `${where}: the default export is missing: export default async function fetchData(nango) or runAction(nango, input), or createSync, createAction or createOnEvent, is expected.`;
  }
  if (isEntry && /^Could not resolve/.test(text)) return `${where}: the file is not there.`;
  const name = /^Could not resolve "([^"]+)"/.exec(text)?.[1];
  return `${where}: ${name === undefined ? text : adviceFor(name)}`;
}

function adviceFor(name: string): string {
  if (isNodeModule(name)) {
    return `Module '${name}' of Node does not exist in scripts: ${PROVIDED.join(', ')} do. ${ADVICE[bare(name)] ?? 'Use what the nango object offers.'}`;
  }
  if (/^\.{1,2}\//.test(name)) return `File '${name}' is not there: a path relative to this file is expected.`;
  return `Package '${name}' is not installed: run npm install in the integrations folder.`;
}

const ADVICE: Readonly<Record<string, string>> = {
  fs: 'Scripts have no files: keep state in records or in the metadata of the connection.',
  http: 'Call APIs with nango.get, nango.post and their siblings.',
  https: 'Call APIs with nango.get, nango.post and their siblings.',
  process: 'Scripts have no process: settings belong in the metadata of the connection.',
};

function isNodeModule(name: string): boolean {
  return name.startsWith('node:') || builtinModules.includes(name) || builtinModules.includes(bare(name));
}

function bare(name: string): string {
  return name.replace(/^node:/, '').split('/', 1)[0] ?? name;
}
