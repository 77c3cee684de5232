/**
 * The files of a large project in slices, since what the compiler holds grows with the scripts it looks at together:
 * 0.7 MiB for one of a hundred lines with a zod schema.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { INDEX_FILE, isPlainIndex } from '../manifest/index-file.ts';
import { runCompiler } from './compiler.ts';
import { placeIn } from './place.ts';

/** A slice takes some 0.4 GB beside what bundling takes meanwhile; larger ones take no less time, smaller ones more. */
export const SLICE = 500;
const READ_AT_ONCE = 100;

/**
 * The files that a configuration means, as absolute paths, in slices that can be checked alone: files that say something
 * to all others, such as declarations, are in each. One slice, or none, means that all belong together.
 */
export async function slicesOf(
  config: string,
  {
    folder,
    size,
    signal,
  }: { readonly folder: string; readonly size: number; readonly signal: AbortSignal | undefined },
): Promise<readonly (readonly string[])[]> {
  const { code, output } = await runCompiler(['-p', config, '--showConfig'], folder, signal);
  // What is wrong with the configuration is said once the types are checked.
  if (code !== 0) return [];
  const { files = [] } = JSON.parse(output) as { readonly files?: readonly string[] };
  const own: string[] = [];
  const shared: string[] = [];
  const paths = files.map((file) => resolve(dirname(config), file));
  for (let first = 0; first < paths.length; first += READ_AT_ONCE) {
    const some = paths.slice(first, first + READ_AT_ONCE);
    const roles = await Promise.all(some.map((path) => roleOf(path, folder)));
    for (const [index, path] of some.entries()) {
      if (roles[index] === 'everything') return [];
      if (roles[index] === 'own') own.push(path);
      if (roles[index] === 'shared') shared.push(path);
    }
  }
  const count = Math.ceil(own.length / size);
  // Of like sizes, and neighbours together: scripts of one integration share their helpers.
  return Array.from({ length: count }, (_, index) => [
    ...shared,
    ...own.slice(Math.floor((index * own.length) / count), Math.floor(((index + 1) * own.length) / count)),
  ]);
}

type Role =
  /** Alone with what it imports. */
  | 'own'
  /** Of consequence for files that do not import it. */
  | 'shared'
  /** A list of scripts, which would bring all of them into its slice and says nothing else. */
  | 'list'
  /** The same with words of its own: nothing can be left out. */
  | 'everything';

async function roleOf(path: string, folder: string): Promise<Role> {
  if (/\.d\.[cm]?ts$/.test(path)) return 'shared';
  const text = await readFile(path, 'utf8').catch(() => '');
  if (placeIn(folder, path) === INDEX_FILE) return isPlainIndex(text) ? 'list' : 'everything';
  const isModule = /^\s*(import|export)\b/m.test(text);
  return isModule && !/\bdeclare\s+(global|module)\b/.test(text) ? 'own' : 'shared';
}
