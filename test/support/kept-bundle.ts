import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { bundleWorkflows } from '../../worker/bundle.ts';

/** `bundleWorkflows`, made once for all test files of a Jest run: each would spend more than a second of processor on it. */
export async function keptBundle({ traced = false } = {}): Promise<WorkflowBundleWithSourceMap> {
  const folder = process.env['NANGO_TEST_KEPT'];
  if (folder === undefined) throw new Error('NANGO_TEST_KEPT is not set: start the tests with npm test');
  const file = join(folder, traced ? 'traced.json' : 'workflows.json');
  const kept = await readFile(file, 'utf8').catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept);
  const bundle = await bundleWorkflows({ traced });
  // Beside its place first: another test file sees all of it or nothing.
  const own = `${file}.${randomUUID()}`;
  await writeFile(own, JSON.stringify(bundle));
  await rename(own, file);
  return bundle;
}
