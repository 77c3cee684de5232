/**
 * Deterministic code, the only kind the Temporal sandbox ever loads. It imports types from activities, values from
 * contract and the SDK, and nothing else: no clock tricks, no Node modules, no environment.
 */
export { actionWorkflow } from './action.ts';
export { reconcileWorkflow } from './reconcile.ts';
export { refreshIdleWorkflow } from './refresh-idle.ts';
export { syncWorkflow } from './sync.ts';
export { deliverWebhookWorkflow } from './webhook.ts';
