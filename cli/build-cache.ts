/**
 * What the last build of a project found out, in its folder `.nango/cache`: scripts whose files are the same are not
 * bundled, judged and asked again. It is only ever a shortcut: whatever cannot be read or does not fit counts as absent.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CompiledBundle } from '../sandbox/compile.ts';
import { zodVersion } from './bundling.ts';
import { installedPackage } from './package.ts';
import { type Project, writeGenerated } from './project.ts';
import { placeIn } from './place.ts';

/** The digest of a file's content, each file read once; empty for one that cannot be read. */
export type Digests = (file: string) => string;

export type BuildCache = {
  /** Its bundle, if it was made of the same files in the same surroundings. */
  readonly bundle: (file: string, digests: Digests) => Promise<CompiledBundle | undefined>;
  /** Takes a bundle that was made of what the files held since before `begun`, in ms since the epoch. */
  readonly keepBundle: (bundle: CompiledBundle, digests: Digests, begun: number) => Promise<void>;
  /** A collection by name, of the tools of this version; empty when there is none. */
  readonly collection: (name: string) => Promise<ReadonlyMap<string, unknown>>;
  readonly keepCollection: (name: string, all: ReadonlyMap<string, unknown>) => Promise<void>;
};

type StoredBundle = {
  readonly key: string;
  readonly bundle: CompiledBundle;
  readonly digests: Readonly<Record<string, string>>;
};
type StoredCollection = { readonly version: string; readonly entries: readonly (readonly [string, unknown])[] };

const FOLDER = join('.nango', 'cache');
const SOURCE = /\.([cm]?[jt]sx?|json)$/;
const LOCK_FILES = ['package.json', 'package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock'];

/** The folder of the cache, made if need be, which git ignores; undefined where the project cannot be written to. */
export async function cacheFolder(project: Project): Promise<string | undefined> {
  const folder = join(project.folder, FOLDER);
  try {
    await mkdir(folder, { recursive: true });
    await writeGenerated(join(folder, '.gitignore'), '*\n');
    return folder;
  } catch {
    return undefined;
  }
}

export function createDigests(project: Project): Digests {
  const known = new Map<string, string>();
  return (file) => {
    const digest = known.get(file) ?? digestOfFile(join(project.folder, file));
    known.set(file, digest);
    return digest;
  };
}

/** The cache as it is now; every build looks at its surroundings once more. */
export async function openCache(project: Project): Promise<BuildCache> {
  const folder = await cacheFolder(project);
  const version = installedPackage().version;
  if (folder === undefined) return NO_CACHE;
  const key = await surroundings(project, version);
  const path = (name: string) => join(folder, `${name}.json`);
  const bundlePath = (file: string) => path(join('bundles', digestOf(file)));
  await mkdir(join(folder, 'bundles'), { recursive: true });
  return {
    bundle: async (file, digests) => {
      const stored = readJson<StoredBundle>(bundlePath(file));
      if (stored?.key !== key || stored.bundle.file !== file) return undefined;
      const isSame = Object.entries(stored.digests).every(([input, digest]) => digests(input) === digest);
      return isSame ? stored.bundle : undefined;
    },
    keepBundle: async (bundle, digests, begun) => {
      const inputs = [bundle.file, ...bundle.inputs];
      const times = await Promise.all(inputs.map((input) => stat(join(project.folder, input)).catch(() => undefined)));
      // A file written while the bundle was made may hold something else by now.
      if (times.some((found) => found === undefined || found.mtimeMs >= begun)) return;
      const pairs = inputs.map((input) => [input, digests(input)] as const);
      const stored: StoredBundle = { key, bundle, digests: Object.fromEntries(pairs) };
      await writeQuietly(bundlePath(bundle.file), stored);
    },
    collection: async (name) => {
      const stored = readJson<StoredCollection>(path(name));
      return new Map(stored?.version === version ? stored.entries : []);
    },
    keepCollection: (name, all) => writeQuietly(path(name), { version, entries: [...all] } satisfies StoredCollection),
  };
}

const NO_CACHE: BuildCache = {
  bundle: async () => undefined,
  keepBundle: async () => undefined,
  collection: async () => new Map(),
  keepCollection: async () => undefined,
};

/** What decides, besides the files of a script, what its imports mean: which files there are, and which packages. */
async function surroundings(project: Project, version: string): Promise<string> {
  const locks = foldersAbove(project.folder)
    .flatMap((at) => LOCK_FILES.map((file) => join(at, file)))
    .map(digestOfFile);
  const files = await sourcesIn(project.folder, project.folder);
  return digestOf(JSON.stringify([version, zodVersion(project.folder), locks.filter(Boolean), files.toSorted()]));
}

async function sourcesIn(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return entry.name === 'node_modules' || entry.name.startsWith('.') ? [] : sourcesIn(root, path);
    return SOURCE.test(entry.name) || entry.isSymbolicLink() ? [placeIn(root, path)] : [];
  });
  return (await Promise.all(found)).flat();
}

function foldersAbove(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...foldersAbove(parent)];
}

function digestOfFile(path: string): string {
  try {
    return digestOf(readFileSync(path));
  } catch {
    return '';
  }
}

function digestOf(content: string | Uint8Array): string {
  return createHash('sha1').update(content).digest('hex');
}

/** Not by a promise: hundreds of these small reads in a warm build cost a twentieth of its processor time more that way. */
function readJson<Value>(path: string): Value | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Value;
  } catch {
    return undefined;
  }
}

async function writeQuietly(path: string, value: unknown): Promise<void> {
  await writeGenerated(path, JSON.stringify(value)).catch(() => undefined);
}
