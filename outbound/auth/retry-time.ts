import type { FailureCode } from '../../contract/failures.ts';

const FIRST_MS = 2_000;
const LONGEST_MS = 5 * 60_000;
/** A client that is not taken, or a refusal for a reason of its own, does not mend itself within seconds. */
const FIRST_OWN_FAULT_MS = 60_000;
const LONGEST_OWN_FAULT_MS = 60 * 60_000;

/**
 * When a refresh that failed is tried again: an outage after 2 s, doubling to at most 5 min; a refusal that is not the
 * end of the grant after 1 min, doubling to at most 1 h; never before the provider's own Retry-After. Up to a tenth of it
 * is random, so that connections spread out. Pure.
 */
export function retryTime(failure: {
  /** How many failed before this one. */
  readonly failures: number;
  readonly retryAfter: string | undefined;
  readonly code: FailureCode;
  readonly now: Date;
  readonly random: () => number;
}): Date {
  const outage = failure.code === 'token_endpoint_failed';
  const [first, longest] = outage ? [FIRST_MS, LONGEST_MS] : [FIRST_OWN_FAULT_MS, LONGEST_OWN_FAULT_MS];
  const ownMs = Math.min(longest, first * 2 ** failure.failures);
  const waitMs = Math.max(ownMs, askedMs(failure.retryAfter, failure.now));
  return new Date(failure.now.getTime() + Math.round(waitMs * (1 + failure.random() / 10)));
}

function askedMs(text: string | undefined, now: Date): number {
  if (text === undefined) return 0;
  const seconds = Number(text);
  const ms = Number.isNaN(seconds) ? Date.parse(text) - now.getTime() : seconds * 1_000;
  return Number.isFinite(ms) ? Math.min(ms, LONGEST_OWN_FAULT_MS) : 0;
}
