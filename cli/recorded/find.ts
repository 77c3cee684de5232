/** Which recording belongs to a script. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readOldForm } from './old-form.ts';
import type { Recording } from './recording.ts';
import { readUnified } from './unified.ts';

/**
 * The recording of a script: the file named after its test, the file named after itself, the old form, in this order.
 * `folder` is the integration's own. Throws `SyntaxError` naming a file that cannot be read.
 */
export function findRecording(folder: string, script: string): Recording | undefined {
  const integration = basename(folder);
  for (const name of [`${integration}-${script}`, script]) {
    const file = join(folder, 'tests', `${name}.test.json`);
    if (!existsSync(file)) continue;
    try {
      return readUnified(file, readFileSync(file, 'utf8'));
    } catch (cause) {
      throw new SyntaxError(`Recording '${file}' cannot be read: expected a JSON object`, { cause });
    }
  }
  return readOldForm(join(folder, 'mocks'), script);
}

/** The folder of a script's integration: `<integration>/syncs/x.ts`, or that of a flat `x.ts` itself. */
export function integrationFolder(project: string, file: string): string {
  const parent = dirname(join(project, file));
  return /^(syncs|actions|on-events|post-connection-scripts)$/.test(basename(parent)) ? dirname(parent) : parent;
}
