import { proxyLocalActivities } from '@temporalio/workflow';

const { nothing } = proxyLocalActivities<{ nothing: (input: unknown) => Promise<unknown> }>({
  startToCloseTimeout: '60s',
  retry: { maximumAttempts: 1 },
});

/** The least an action could be: one local activity that does nothing. */
export async function bareWorkflow(input: unknown): Promise<unknown> {
  return nothing(input);
}
