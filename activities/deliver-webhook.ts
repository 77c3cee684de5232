import { cancellationSignal } from '@temporalio/activity';
import { failureCode } from '../contract/failures.ts';
import type { DeliveryInput, DeliveryStep } from '../contract/webhook.ts';
import { type DeliveryState, noteAttempt, type PendingDelivery, pendingDelivery } from '../store/webhook-deliveries.ts';
import { signingKey } from '../store/webhook-settings.ts';
import type { Dependencies } from './dependencies.ts';
import { signatureHeaders } from './webhook-body.ts';

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000];
/** Between attempts: about a day in all. */
const WAITS_MS = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  8 * HOUR,
];
/** Of each wait, how much is left to chance, so that deliveries that failed together do not come back together. */
const JITTER = 0.2;
const GONE = 410;

/** What goes before a webhook: earlier ones of its connection, a new connection's scripts. This bounds how long that may take. */
const ORDER_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 250;

type Outcome = { readonly status: number | null; readonly error: string | null };

/**
 * One attempt of one delivery. Made again it may send the same bytes twice: receivers tell by `X-Nango-Delivery`, as the
 * standard of at-least-once delivery has it.
 */
export function createDeliverWebhook(deps: Dependencies) {
  return async ({ deliveryId: id }: DeliveryInput): Promise<DeliveryStep> => {
    const delivery = await pendingDelivery(deps.db, id);
    const key = delivery && (await signingKey(deps.db, deps.box, delivery.environmentId));
    if (delivery === undefined || key === undefined) return { status: 'gone' };
    const now = deps.clock();
    if (isHeldBack(delivery, now)) return again(new Date(now.getTime() + LOOK_AGAIN_MS));
    const begun = performance.now();
    const outcome = await post(deps, id, delivery, key);
    const tookMs = Math.round(performance.now() - begun);
    const { state, nextAttemptAt } = judge(outcome, delivery.attempts, deps.clock(), Math.random());
    await noteAttempt(deps.db, { id, state, ...outcome, at: deps.clock(), nextAttemptAt, tookMs });
    if (state === 'pending' && nextAttemptAt !== null) return again(nextAttemptAt);
    deps.log('webhook.ended', { delivery: id, url: delivery.url, state, ...outcome });
    return { status: state === 'pending' ? 'expired' : state };
  };
}

function isHeldBack(delivery: PendingDelivery, now: Date): boolean {
  const age = now.getTime() - delivery.createdAt.getTime();
  return delivery.isBehind && delivery.attempts === 0 && age < ORDER_WITHIN_MS;
}

async function post(deps: Dependencies, id: string, { url, body }: PendingDelivery, key: string): Promise<Outcome> {
  const headers = { ...signatureHeaders(key, body), 'x-nango-delivery': id };
  try {
    return { ...(await deps.delivery.post({ url, body, headers }, cancellationSignal())), error: null };
  } catch (error) {
    if (failureCode(error) === 'script_aborted' || !(error instanceof Error)) throw error;
    return { status: null, error: error.message };
  }
}

/** What follows from an attempt. `attempts` were made before it; `chance` is from 0 to 1. */
export function judge(
  { status }: Outcome,
  attempts: number,
  now: Date,
  chance: number,
): { readonly state: DeliveryState; readonly nextAttemptAt: Date | null } {
  if (status !== null && status >= 200 && status < 300) return { state: 'delivered', nextAttemptAt: null };
  if (status === GONE) return { state: 'refused', nextAttemptAt: null };
  const wait = WAITS_MS[attempts];
  if (wait === undefined) return { state: 'expired', nextAttemptAt: null };
  return { state: 'pending', nextAttemptAt: new Date(now.getTime() + wait * (1 + JITTER * (2 * chance - 1))) };
}

function again(at: Date): DeliveryStep {
  return { status: 'again', at: at.toISOString() };
}
