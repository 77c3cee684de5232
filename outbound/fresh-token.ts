/** The token of a call: renewed before it goes out, and once more when the API refuses it. */
import { EngineError, failureCode } from '../contract/failures.ts';
import type { Keeper } from './auth/keeper.ts';
import type { Party } from './connection.ts';
import { discard, type ExchangeAnswer } from './exchange.ts';
import type { RetryDecision } from './retry.ts';

export type TokenSource = Pick<Keeper, 'current' | 'afterRefusal'>;

/**
 * Sends with the newest token and, when the API refuses that one with 401, once more with another: nothing happened
 * there, so that any method may be repeated. A call that brings its own Authorization is not ours to mend.
 */
export async function withFreshToken<T extends { readonly received: ExchangeAnswer }>(
  keeper: TokenSource | undefined,
  call: {
    readonly party: Party;
    readonly headers: Readonly<Record<string, string>> | undefined;
    /** False when the body is gone once it was sent. */
    readonly repeatable: boolean;
  },
  send: (party: Party) => Promise<T>,
): Promise<T> {
  const { party, headers, repeatable } = call;
  if (keeper === undefined) return send(party);
  const connection = await keeper.current(party.connection);
  const sent = await send({ ...party, connection });
  const ownToken = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'authorization');
  if (sent.received.status !== 401 || ownToken) return sent;
  const renewed = await keeper.afterRefusal(connection);
  if (renewed === undefined || !repeatable) return sent;
  discard(sent.received);
  return send({ ...party, connection: renewed });
}

/** An outage of the token endpoint is waited for also where a call asked for no retries: nothing has been sent yet. */
const OUTAGE_RETRIES = 5;

/** What to do after a token could not be had, or undefined for any other error. Pure. */
export function postponedRefresh(
  error: unknown,
  { attempt, retries, now }: { readonly attempt: number; readonly retries: number; readonly now: Date },
): { readonly failure: EngineError; readonly decision: RetryDecision } | undefined {
  if (failureCode(error) !== 'refresh_failed' || !(error instanceof EngineError)) return undefined;
  const retryAt = Date.parse(String((error.details.payload as { retry_at?: unknown } | undefined)?.retry_at));
  const again = attempt < Math.max(retries, OUTAGE_RETRIES) && Number.isFinite(retryAt);
  const waitMs = Math.max(0, retryAt - now.getTime());
  return { failure: error, decision: again ? { retry: true, waitMs } : { retry: false } };
}
