import { sleep } from '@temporalio/workflow';
import type { DeliveryInput, DeliveryStep } from '../contract/webhook.ts';
import { deliverWebhook } from './proxies.ts';
import { lengthOf } from './wait.ts';

/** One webhook to one URL: attempts with growing waits, for about a day. */
export async function deliverWebhookWorkflow(
  input: DeliveryInput,
): Promise<Exclude<DeliveryStep, { status: 'again' }>> {
  for (;;) {
    const step = await deliverWebhook(input);
    if (step.status !== 'again') return step;
    await sleep(lengthOf(step.waitMs, step.at));
  }
}
