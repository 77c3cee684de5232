import { type Client, WorkflowNotFoundError } from '@temporalio/client';

/**
 * Whether Temporal still runs the workflow, under this run id or one it has continued as; one it has never heard of, or
 * forgotten, is closed.
 */
export async function isOpenWorkflow(
  client: Client,
  workflow: { readonly workflowId: string; readonly workflowRunId: string | null },
): Promise<boolean> {
  try {
    const handle = client.workflow.getHandle(workflow.workflowId, workflow.workflowRunId ?? undefined);
    const { status } = await handle.describe();
    // Our workflow ids are used once, so whatever runs under this one now is the same run of the same sync.
    if (status.name === 'CONTINUED_AS_NEW') return isOpenWorkflow(client, { ...workflow, workflowRunId: null });
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
