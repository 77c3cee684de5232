import { fork } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';

/**
 * Bundles the workflows, with what passes traces on only where those are collected. It takes a second and a half of
 * processor, so it is kept for the next process, and made anew when what it is made of has changed. A process of its own
 * does it: webpack would leave 100 MiB in that of the workers.
 * @param folder where it is kept; one that cannot be written keeps nothing.
 * @default `dist/workflows`
 */
export async function bundleWorkflows({ traced = false, folder = KEPT } = {}): Promise<WorkflowBundleWithSourceMap> {
  const file = join(folder, traced ? 'traced.json' : 'untraced.json');
  const madeOf = await fingerprint();
  const kept = await readKept(file);
  if (kept?.madeOf === madeOf) return kept.bundle;
  const bundle = await bundleInChild(traced);
  await keep(file, { madeOf, bundle }).catch(() => undefined);
  return bundle;
}

type Kept = { readonly madeOf: string; readonly bundle: WorkflowBundleWithSourceMap };

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const KEPT = join(PROJECT, 'dist', 'workflows');
/** As source or, in the published package, compiled. */
const BUNDLING = fileURLToPath(new URL(`./bundling${extname(import.meta.url)}`, import.meta.url));
/** Whose values workflows import; test/architecture.test.ts holds them to it. */
const ROOMS = ['workflows', 'contract'];
/** Which versions of packages. A clone has the first two, a package as it is published the first. */
const PACKAGES = [
  join(PROJECT, 'package.json'),
  join(PROJECT, 'package-lock.json'),
  createRequire(import.meta.url).resolve('@temporalio/worker/package.json'),
];

async function fingerprint(): Promise<string> {
  const rooms = await Promise.all(ROOMS.map((room) => readdir(join(PROJECT, room), { recursive: true })));
  const sources = rooms.flatMap((names, at) => names.sort().map((name) => join(PROJECT, ROOMS[at] ?? '', name)));
  const hash = createHash('sha256');
  for (const file of [...sources, BUNDLING, ...PACKAGES])
    hash.update(`${file.slice(PROJECT.length)}\n`).update(await readFile(file).catch(() => ''));
  return hash.digest('hex');
}

/** Undefined where there is none, or what is there cannot be read. */
async function readKept(file: string): Promise<Kept | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Kept;
  } catch {
    return undefined;
  }
}

/** Beside its place first: another process that starts sees all of it or nothing. */
async function keep(file: string, kept: Kept): Promise<void> {
  const own = `${file}.${randomUUID()}`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(own, JSON.stringify(kept));
  await rename(own, file);
}

async function bundleInChild(traced: boolean): Promise<WorkflowBundleWithSourceMap> {
  const child = fork(BUNDLING, traced ? ['traced'] : [], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const said: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => said.push(text));
  let bundle: WorkflowBundleWithSourceMap | undefined;
  child.on('message', (message) => {
    bundle = message as WorkflowBundleWithSourceMap;
  });
  const [exit] = await once(child, 'close');
  if (bundle !== undefined) return bundle;
  throw new Error(`The workflows could not be bundled (exit ${exit}): ${said.join('').trim()}`);
}
