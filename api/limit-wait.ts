/** Calls of `/proxy` and the limits that the APIs have told of, whichever process was told so. */
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../contract/failures.ts';
import { type ApiLimit, currentLimit, type LimitScope, noteLimit } from '../store/api-limits.ts';
import { MAX_WAIT_IN_PLACE_MS } from '../outbound/request.ts';
import { createKnownLimits, SPREAD_MS } from '../store/known-limits.ts';
import type { ApiDeps } from './deps.ts';

export type LimitWait = {
  /**
   * Lets a call wait until the API wants to hear of its connection again, if that is soon: for longer than ten seconds
   * nobody is kept, and what the API answers is the caller's to see. Throws `script_aborted` when the caller goes away.
   */
  readonly wait: (connection: string, signal: AbortSignal) => Promise<void>;
  /** Lets everybody know of a limit; no caller waits for that. */
  readonly note: (connection: string, limit: ApiLimit & { readonly scope: LimitScope }) => void;
};

export function openLimitWait({ db, clock, log }: Pick<ApiDeps, 'db' | 'clock' | 'log'>): LimitWait {
  const known = createKnownLimits((connection) => currentLimit(db, connection, clock()));
  return {
    wait: async (connection, signal) => {
      const limit = await known.of(connection);
      const waitMs = (limit?.until.getTime() ?? 0) - clock().getTime();
      if (waitMs <= 0 || waitMs > MAX_WAIT_IN_PLACE_MS) return;
      try {
        await delay(waitMs + Math.random() * SPREAD_MS, undefined, { signal });
      } catch (cause) {
        throw new EngineError('script_aborted', 'The caller went away while its call waited for a limit', { cause });
      }
    },
    note: (connection, limit) => {
      known.learn(connection, limit);
      noteLimit(db, connection, limit).catch((error: unknown) => log('limit.unnoted', { reason: String(error) }));
    },
  };
}
