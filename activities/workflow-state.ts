import { type Client, WorkflowNotFoundError } from '@temporalio/client';

/** Whether Temporal still runs the workflow; one it has never heard of, or forgotten, is closed. */
export async function isOpenWorkflow(
  client: Client,
  workflow: { readonly workflowId: string; readonly workflowRunId: string | null },
): Promise<boolean> {
  try {
    const handle = client.workflow.getHandle(workflow.workflowId, workflow.workflowRunId ?? undefined);
    const { status } = await handle.describe();
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
