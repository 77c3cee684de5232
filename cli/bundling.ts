/** Bundles of a project's scripts, and mistakes of several tools as one list. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mistake, mistakeLine } from '../manifest/manifest.ts';
import { type CompiledBundle, compileScripts } from '../sandbox/compile.ts';
import { type DeclaredScript, missingScript } from './declared.ts';
import type { Project } from './project.ts';

const AT_ONCE = 100;

export type Bundles = ReadonlyMap<string, CompiledBundle>;

/** Bundles each file once, whoever shares it, and collects what is wrong instead of throwing it. */
export async function bundleScripts(
  project: Project,
  scripts: readonly DeclaredScript[],
): Promise<{ readonly bundles: Bundles; readonly mistakes: readonly string[] }> {
  const missing = scripts.filter((script) => !script.exists).map((script) => mistakeLine(missingScript(script)));
  const files = [...new Set(scripts.filter((script) => script.exists).map((script) => script.file))];
  const zod = zodVersion(project.folder);
  const bundles = new Map<string, CompiledBundle>();
  const mistakes = [...missing];
  // Not all at once: each bundle under way takes memory.
  for (let first = 0; first < files.length; first += AT_ONCE) {
    const some = files.slice(first, first + AT_ONCE);
    for (const result of await compileScripts({ root: project.folder, files: some, zod })) {
      if ('bundle' in result) bundles.set(result.bundle.file, result.bundle);
      else mistakes.push(...result.mistakes);
    }
  }
  return { bundles, mistakes };
}

/** Mistakes of bundler, rules and types without saying one thing twice: on one line the first one's word counts. */
export function joinMistakes(types: readonly Mistake[], others: readonly string[]): string[] {
  const said = new Set(others.map(placeOf));
  return [...new Set(others), ...types.map(mistakeLine).filter((line) => !said.has(placeOf(line)))].toSorted(byPlace);
}

/** The author's files that went into a bundle, relative to the project's folder. */
export function filesOf(bundle: CompiledBundle): readonly string[] {
  return [bundle.file, ...bundle.inputs];
}

/** The version of zod that a project pins, installed or as its package.json asks for it; 4 where it says nothing. */
export function zodVersion(folder: string): 3 | 4 {
  const installed = versionIn(join(folder, 'node_modules', 'zod', 'package.json'), ({ version }) => version);
  const asked = versionIn(
    join(folder, 'package.json'),
    ({ dependencies, devDependencies }) => dependencies?.['zod'] ?? devDependencies?.['zod'],
  );
  return /^[^\d]*3(\.|$)/.test(installed ?? asked ?? '') ? 3 : 4;
}

type PackageFile = {
  readonly version?: string;
  readonly dependencies?: { readonly [name: string]: string };
  readonly devDependencies?: { readonly [name: string]: string };
};

function versionIn(path: string, read: (file: PackageFile) => string | undefined): string | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return read(JSON.parse(readFileSync(path, 'utf8')) as PackageFile);
  } catch {
    // Whoever installs from it says better what is wrong with it.
    return undefined;
  }
}

function placeOf(line: string): string {
  return /^(.*?:\d+):/.exec(line)?.[1] ?? line;
}

function byPlace(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
