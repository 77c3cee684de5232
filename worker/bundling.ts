/** A process that bundles the workflows, sends the bundle to its parent, and ends. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const silence = (): void => undefined;
const SILENT = { log: silence, trace: silence, debug: silence, info: silence, warn: silence, error: silence };

const bundle = await bundleWorkflowCode({
  workflowsPath: workflowFile('index'),
  failureConverterPath: workflowFile('failure-converter'),
  logger: SILENT,
  ...(process.argv.includes('traced') && { workflowInterceptorModules: [workflowFile('tracing')] }),
});
process.send?.(bundle, () => process.disconnect());

/** As source or, in the published package, compiled. */
function workflowFile(name: string): string {
  return fileURLToPath(new URL(`../workflows/${name}${extname(import.meta.url)}`, import.meta.url));
}
