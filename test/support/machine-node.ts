import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The machine's own Node: the first on PATH that no package brought. */
export async function machineNode(): Promise<{ path: string; major: number } | undefined> {
  const places = (process.env['PATH'] ?? '').split(delimiter).filter((place) => !place.includes('node_modules'));
  for (const place of places) {
    const path = join(place, 'node');
    const found = await run(path, ['--version']).catch(() => undefined);
    if (found !== undefined) return { path, major: Number.parseInt(found.stdout.slice(1), 10) };
  }
  return undefined;
}
