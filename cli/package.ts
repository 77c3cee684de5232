/** Our own package as it is installed: its version, its folder, and whether it is a clone or came from a registry. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../contract/failures.ts';

export type InstalledPackage = { readonly root: string; readonly version: string; readonly isClone: boolean };

/** What starts the platform: the script of a clone, which is not linked yet, or the command of an installed package. */
export function startCommand(): 'npm start' | 'nango start' {
  return installedPackage().isClone ? 'npm start' : 'nango start';
}

/** The package this file belongs to. The compiled file lies one folder deeper than the source, so it looks upwards. */
export function installedPackage(): InstalledPackage {
  for (let root = dirname(fileURLToPath(import.meta.url)); root !== dirname(root); root = dirname(root)) {
    const file = join(root, 'package.json');
    if (!existsSync(file)) continue;
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    if (name !== 'nango-temporal' || version === undefined) continue;
    return { root, version, isClone: existsSync(join(root, 'cli', 'main.ts')) };
  }
  throw new EngineError('internal', 'The package.json of nango-temporal is missing: install the package again.');
}
