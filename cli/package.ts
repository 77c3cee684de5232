/** Our own package as it is installed: its version, its folder, and whether it is a clone or came from a registry. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../contract/failures.ts';
import { placeIn } from './place.ts';

const NAME = 'nango-temporal';
const SECTIONS = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;

export type InstalledPackage = {
  readonly root: string;
  readonly version: string;
  /** The version of zod it depends on. */
  readonly zod: string;
  readonly isClone: boolean;
};

type OwnPackage = { name?: string; version?: string; dependencies?: Record<string, string> };

/** What starts the platform: the script of a clone, which is not linked yet, or the command of an installed package. */
export function startCommand(): 'npm start' | 'nango start' {
  return installedPackage().isClone ? 'npm start' : 'nango start';
}

/** The package this file belongs to. The compiled file lies one folder deeper than the source, so it looks upwards. */
export function installedPackage(): InstalledPackage {
  for (let root = dirname(fileURLToPath(import.meta.url)); root !== dirname(root); root = dirname(root)) {
    const file = join(root, 'package.json');
    if (!existsSync(file)) continue;
    const { name, version, dependencies } = JSON.parse(readFileSync(file, 'utf8')) as OwnPackage;
    if (name !== NAME || version === undefined) continue;
    return { root, version, zod: dependencies?.['zod'] ?? '4', isClone: existsSync(join(root, 'cli', 'main.ts')) };
  }
  throw new EngineError('internal', 'The package.json of nango-temporal is missing: install the package again.');
}

/**
 * How a package.json in `folder` names this package, so that an install there finds the one that runs: as the package.json
 * whose install brought it names it, and by its place on this machine where none did (a clone, a global install).
 */
export function dependencyOn({ root, isClone }: Pick<InstalledPackage, 'root' | 'isClone'>, folder: string): string {
  const place = `file:${placeIn(folder, root)}`;
  const { spec, above } = (isClone ? undefined : namedAbove(dirname(root))) ?? {};
  if (spec === undefined || above === undefined) return place;
  const [, scheme, rest = ''] = /^([\w+]+):(.*)$/.exec(spec) ?? [];
  if (scheme === 'file') return `file:${placeIn(folder, resolve(above, rest))}`;
  // A link or a workspace means what lies here, and is understood only there.
  if (scheme !== undefined) return /^(npm|https?|github|git)\b/.test(scheme) ? spec : place;
  return spec.includes('/') ? spec : `npm:${NAME}@${spec}`;
}

/** What the nearest package.json in `folder` or above it that depends on this package asks for, and where it is. */
function namedAbove(folder: string): { readonly spec: string; readonly above: string } | undefined {
  const spec = SECTIONS.flatMap((section) => {
    const names = packageIn(folder)?.[section] ?? {};
    // As `nango` only where it is ours: the incumbent's command line has that name.
    const { [NAME]: own, nango: alias } = names;
    return own ?? (alias?.includes(NAME) ? alias : []);
  })[0];
  if (spec !== undefined) return { spec, above: folder };
  return dirname(folder) === folder ? undefined : namedAbove(dirname(folder));
}

function packageIn(folder: string): Partial<Record<(typeof SECTIONS)[number], Record<string, string>>> | undefined {
  const file = join(folder, 'package.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // One that is missing or broken asks for nothing.
    return undefined;
  }
}
