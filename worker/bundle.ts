import { fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';

/**
 * Bundles the workflows, with what passes traces on only where those are collected; about a second, so a process does it
 * once and its workers share the result. A process of its own does it: webpack would leave 100 MiB in that of the workers.
 */
export async function bundleWorkflows({ traced = false } = {}): Promise<WorkflowBundleWithSourceMap> {
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

/** As source or, in the published package, compiled. */
const BUNDLING = fileURLToPath(new URL(`./bundling${extname(import.meta.url)}`, import.meta.url));
