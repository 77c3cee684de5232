/** Builds the dashboard's pages from `dashboard/` into `dist/dashboard/` when they are missing or older than their sources. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildEnvironment } from '../runtime/env.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = join(PROJECT, 'dashboard');
const BUNDLER = join(PROJECT, 'node_modules/vite/bin/vite.js');
const MARK = 'built-from';

/** Where the built pages are. */
export const DASHBOARD_FOLDER = join(PROJECT, 'dist/dashboard');

/**
 * Makes the built pages match their sources; does nothing when they do. A failure is said, and is none of the server's:
 * the REST API works without pages.
 * @returns whether the pages are there and match.
 */
export async function buildDashboard(say: (line: string) => void): Promise<boolean> {
  // An image without the bundler carries pages that were built when it was made.
  if (!existsSync(BUNDLER)) return existsSync(join(DASHBOARD_FOLDER, 'index.html'));
  const wanted = await fingerprint();
  if (wanted === (await readFile(join(DASHBOARD_FOLDER, MARK), 'utf8').catch(() => ''))) return true;
  say('  Dashboard         its pages are being built, once for this version');
  const begun = performance.now();
  // Beside the old ones, and moved when whole: nobody sees half of them.
  const fresh = `${DASHBOARD_FOLDER}.${process.pid}`;
  const output = await bundle(fresh);
  if (output !== undefined) {
    await rm(fresh, { recursive: true, force: true });
    say(`  Dashboard         its pages could not be built: 'npm run dashboard' shows why\n${output}`);
    return false;
  }
  await writeFile(join(fresh, MARK), wanted);
  await rm(DASHBOARD_FOLDER, { recursive: true, force: true });
  await rename(fresh, DASHBOARD_FOLDER);
  say(`  Dashboard         built in ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  return true;
}

/** Runs the bundler; answers what it said when it failed. */
async function bundle(folder: string): Promise<string | undefined> {
  const args = [BUNDLER, 'build', SOURCES, '--outDir', folder, '--emptyOutDir', '--logLevel', 'warn'];
  const env = buildEnvironment();
  const child = spawn(process.execPath, args, { cwd: PROJECT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0 ? undefined : output;
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(SOURCES, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of [...files.sort(), join(PROJECT, 'package-lock.json')]) {
    hash.update(file.slice(PROJECT.length)).update(await readFile(file));
  }
  return hash.digest('hex');
}
