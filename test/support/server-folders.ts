/** Folders of servers that tests start in process groups of their own, so that Ctrl-C of a run leaves them behind. */
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, stopLeftOver } from '../../platform/child-process.ts';

// The process that owns a folder is part of its name, so that a later run knows whether it is still wanted.
const PREFIX = 'nango-test-server-';
const FOLDER = new RegExp(`^${PREFIX}(\\d+)-`);

export function makeServerFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
}

/** Ends the servers and removes the folders of runs that are gone. */
export async function sweepServerFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = FOLDER.exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const folder = join(tmpdir(), name);
    await endPostgresOf(folder);
    await stopLeftOver(join(folder, 'temporal.pid'), 'temporal');
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

// A process id may have been given to somebody else meanwhile: only a process that works in the folder is the server.
async function endPostgresOf(folder: string): Promise<void> {
  const pid = Number((await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
  if (!(pid > 0) || (await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) !== folder) return;
  process.kill(pid, 'SIGQUIT');
}
