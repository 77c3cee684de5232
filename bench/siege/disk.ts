/** A disk that can be full: a small file system in memory, which only root can mount. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Closing } from '../../runtime/closing.ts';

export type Disk = { readonly fill: () => void; readonly empty: () => void };

/** Room for the log that Postgres keeps between two checkpoints, and for the data. */
const SIZE_MB = 1_536;
const CHUNK = Buffer.alloc(1024 * 1024);

/** Mounts one at `folder`; undefined where that is not allowed. */
export async function openDisk(closing: Closing, folder: string): Promise<Disk | undefined> {
  await mkdir(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  closing.add('the disk', () => void execFileSync('umount', [folder]));
  const ballast = join(folder, 'ballast');
  return { fill: () => fill(ballast), empty: () => rmSync(ballast, { force: true }) };
}

function fill(file: string): void {
  const open = openSync(file, 'w');
  try {
    for (let size = CHUNK.byteLength; size >= 4096; ) {
      try {
        writeSync(open, CHUNK, 0, size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size /= 2;
      }
    }
  } finally {
    closeSync(open);
  }
}
