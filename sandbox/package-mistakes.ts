/** Why a package cannot run in scripts: said once, where the author imports it, not for each of its files that asks for a module of Node. */
import { readFile } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import type { Message, Plugin } from 'esbuild';

type Edge = { readonly from: string; readonly specifier: string; readonly to: string };
type Need = { readonly modules: Set<string>; readonly files: Set<string> };

const SHOWN_FILES = 3;
const UNRESOLVED = /^Could not resolve "([^"]+)"/;

/** The module that a file of a package asks for in vain; undefined for any other mistake. */
export function neededByPackage({ location, text }: Message): string | undefined {
  return location !== null && isOfPackage(location.file) ? UNRESOLVED.exec(text)?.[1] : undefined;
}

/**
 * One line for each import of an author's file that brings such a package in, and the messages that are said by them.
 * @param rebuild makes the same bundle again with one more plugin, and never rejects: who imports what is only known then.
 */
export async function packageMistakes(
  messages: readonly Message[],
  options: {
    readonly root: string;
    readonly provided: readonly string[];
    readonly rebuild: (plugin: Plugin) => Promise<unknown>;
  },
): Promise<{ readonly lines: readonly string[]; readonly told: ReadonlySet<Message> }> {
  const { root, provided, rebuild } = options;
  const edges: Edge[] = [];
  await rebuild(recording(edges));
  const needs = new Map<string, Need>();
  const told = new Set<Message>();
  for (const message of messages) {
    const file = message.location?.file ?? '';
    for (const place of await importsOf(root, edges, resolve(root, file))) {
      const need = needs.get(place) ?? { modules: new Set(), files: new Set() };
      needs.set(place, need);
      told.add(message);
      need.modules.add(neededByPackage(message) ?? '');
      need.files.add(file);
    }
  }
  const lines = [...needs].map(([place, { modules, files }]) => {
    const what = `it needs ${[...modules].sort().join(', ')} of Node (in ${shown([...files].sort())})`;
    return `${place} cannot run in scripts: ${what}, and ${provided.join(', ')} are all there is. Call the API with nango.get, nango.post and their siblings, or take a package of pure JavaScript.`;
  });
  return { lines, told };
}

function shown(files: readonly string[]): string {
  const more = files.length - SHOWN_FILES;
  return more > 0 ? `${files.slice(0, SHOWN_FILES).join(', ')} and ${more} more` : files.join(', ');
}

function recording(edges: Edge[]): Plugin {
  const seen = Symbol('asked by this plugin');
  return {
    name: 'edges',
    setup: (build) => {
      build.onResolve({ filter: /.*/ }, async ({ path, importer, kind, resolveDir, namespace, pluginData }) => {
        if (pluginData === seen || importer === '') return undefined;
        const found = await build.resolve(path, { importer, kind, resolveDir, namespace, pluginData: seen });
        if (found.errors.length === 0) edges.push({ from: importer, specifier: path, to: found.path });
        return undefined;
      });
    },
  };
}

/** The imports in files of the author's that lead to a file of a package, each as `file:line:column: Package 'name'`. */
async function importsOf(root: string, edges: readonly Edge[], file: string): Promise<string[]> {
  const reached = new Set([file]);
  const places: string[] = [];
  for (const to of reached) {
    for (const edge of edges.filter((one) => one.to === to)) {
      if (isOfPackage(edge.from)) reached.add(edge.from);
      else places.push(`${await placeOf(root, edge)}: Package '${packageOf(edge.specifier)}'`);
    }
  }
  return places;
}

async function placeOf(root: string, { from, specifier }: Edge): Promise<string> {
  const text = await readFile(from, 'utf8').catch(() => '');
  const at = Math.max(0, ...[`'${specifier}'`, `"${specifier}"`].map((quoted) => text.indexOf(quoted)));
  const before = text.slice(0, at).split('\n');
  const file = relative(root, from).split(sep).join('/');
  return `${file}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function isOfPackage(path: string): boolean {
  return /(^|[\\/])node_modules[\\/]/.test(path);
}
