import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

/** Bundles the workflows, with what passes traces on only where those are collected; about a second, so a process does it once and its workers share the result. */
export function bundleWorkflows({ traced = false } = {}): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath: workflowFile('index'),
    failureConverterPath: workflowFile('failure-converter'),
    logger: SILENT,
    ...(traced && { workflowInterceptorModules: [workflowFile('tracing')] }),
  });
}

/** As source or, in the published package, compiled. */
function workflowFile(name: string): string {
  return fileURLToPath(new URL(`../workflows/${name}${extname(import.meta.url)}`, import.meta.url));
}

const silence = (): void => undefined;
const SILENT = { log: silence, trace: silence, debug: silence, info: silence, warn: silence, error: silence };
