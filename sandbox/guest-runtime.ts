/** The text that runs in every isolate, as one script for the prelude and one for zod, and the name of that version. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import { withCheapNamespaces, zodForShortRuns } from './zod-text.ts';

export type GuestRuntime = {
  /** Evaluates to `boot`. */
  readonly core: string;
  /** Evaluates to a function that takes a Function constructor and returns zod. */
  readonly zod: string;
  /** Changes whenever a run could notice: texts, V8, ICU. */
  readonly version: string;
};

const HERE = dirname(fileURLToPath(import.meta.url));
/** Written by the packaging step from `buildGuestRuntime()`; absent in a clone. */
const PREBUILT = join(HERE, 'guest-runtime.json');

/** Reads the prebuilt runtime, or bundles it from the sources beside this file (about 0.2 s). */
export async function loadGuestRuntime(): Promise<GuestRuntime> {
  const prebuilt = await readFile(PREBUILT, 'utf8').catch(() => undefined);
  if (prebuilt === undefined) return buildGuestRuntime();
  const texts = JSON.parse(prebuilt) as Pick<GuestRuntime, 'core' | 'zod'>;
  return { ...texts, version: versionOf(texts) };
}

/** Bundles the guest's sources. Throws what esbuild throws: they are our own. */
export async function buildGuestRuntime(): Promise<GuestRuntime> {
  const [main, zod] = await Promise.all([bundle('main'), bundle('zod')]);
  const core = `(function () {\n${main}return guest.boot;\n})()`;
  const zodModule = `(function (Function) {\n${withCheapNamespaces(zod)}return guest;\n})`;
  const texts = { core, zod: zodModule };
  return { ...texts, version: versionOf(texts) };
}

/** Of the texts and of the engine that runs them here, which may be another than where they were built. */
function versionOf({ core, zod }: Pick<GuestRuntime, 'core' | 'zod'>): string {
  const { v8, icu } = process.versions;
  return createHash('sha256')
    .update(JSON.stringify([core, zod, v8, icu]))
    .digest('hex');
}

/** Ends the process of 60 MiB that bundling leaves behind; for processes in which nobody bundles any more. */
export const endBundler = (): Promise<void> => stop();

async function bundle(name: 'main' | 'zod'): Promise<string> {
  const result = await build({
    entryPoints: [join(HERE, 'guest', `${name}.ts`)],
    bundle: true,
    write: false,
    format: 'iife',
    // Strict: a sloppy frame would hand its function to whoever asks V8 for the stack.
    tsconfigRaw: { compilerOptions: { alwaysStrict: true } },
    globalName: 'guest',
    platform: 'browser',
    target: 'es2024',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [zodForShortRuns],
  });
  return result.outputFiles[0]?.text ?? '';
}
