import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

/** Bundles the workflows; about a second, so a process does it once and its workers share the result. */
export function bundleWorkflows(): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL(`../workflows/index${extname(import.meta.url)}`, import.meta.url)),
    logger: SILENT,
  });
}

const silence = (): void => undefined;
const SILENT = { log: silence, trace: silence, debug: silence, info: silence, warn: silence, error: silence };
