import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { EngineError } from '../contract/failures.ts';
import { countedAs } from './caller.ts';

export type CallLimits = {
  /** Unknown secrets one address may try in a minute; after that those it tries are looked up together with others. */
  readonly failuresPerMinute: number;
  /** Calls one environment may make in a minute. */
  readonly callsPerMinute: number;
};

export type CallGuard = {
  /**
   * Lets a secret be looked up. Other people may stand behind an address that guesses (NAT): a key or session that is
   * known passes also from there. Without `secret` nothing does, as a password must not.
   * @throws EngineError `too_many_requests` while the address has tried too many unknown secrets.
   */
  readonly beforeLookup: (address: string | undefined, secret?: string) => Promise<void>;
  /** Notes that the address tried an unknown secret. */
  readonly noteUnknown: (address: string | undefined) => Promise<void>;
  /** @throws EngineError `too_many_requests` when the environment has made too many calls. */
  readonly beforeCall: (environmentId: string) => Promise<void>;
};

const WINDOW_S = 60;

/**
 * Counts in this process alone: any number of API processes share nothing but Postgres, so that the limits of a
 * cluster are these times its processes.
 */
export function createCallGuard(
  { failuresPerMinute, callsPerMinute }: CallLimits,
  isKnown: (secret: string) => Promise<boolean>,
): CallGuard {
  const failures = new RateLimiterMemory({ points: failuresPerMinute, duration: WINDOW_S });
  const calls = new RateLimiterMemory({ points: callsPerMinute, duration: WINDOW_S });
  return {
    beforeLookup: async (address = '', secret = undefined) => {
      const seen = await failures.get(countedAs(address));
      if (seen === null || seen.consumedPoints < failuresPerMinute) return;
      if (secret !== undefined && (await isKnown(secret))) return;
      throw tooMany('This address has tried too many unknown keys', seen);
    },
    noteUnknown: async (address = '') => {
      // Past the limit the answer stays the one for an unknown key: the next call is refused.
      await failures.penalty(countedAs(address));
    },
    beforeCall: (environmentId) =>
      calls.consume(environmentId).then(
        () => undefined,
        (refused: unknown) => {
          throw refused instanceof RateLimiterRes
            ? tooMany(`This environment has made more than ${callsPerMinute} calls in a minute`, refused)
            : refused;
        },
      ),
  };
}

function tooMany(what: string, { msBeforeNext }: RateLimiterRes): EngineError {
  const retryAfterS = Math.max(1, Math.ceil(msBeforeNext / 1000));
  return new EngineError('too_many_requests', `${what}: try again in ${retryAfterS} s.`, { details: { retryAfterS } });
}
