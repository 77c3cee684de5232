/** Calls of `/proxy` and the limits that the APIs have told of, whichever process was told so. */
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../contract/failures.ts';
import { type ApiLimit, currentLimit, type LimitScope, noteLimit } from '../store/api-limits.ts';
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

/** As long as a call may wait between two attempts in place. */
const LONGEST_WAIT_MS = 10_000;
/** Over which those who waited for one limit come back. */
const SPREAD_MS = 500;
/** How old the answer may be on which a call goes out. */
const FRESH_MS = 1_000;
const MOST_KNOWN = 10_000;

type Known = { readonly readAt: number; readonly limit: Promise<ApiLimit | undefined> };

export function openLimitWait({ db, clock, log }: Pick<ApiDeps, 'db' | 'clock' | 'log'>): LimitWait {
  const known = new Map<string, Known>();

  const remember = (connection: string, limit: Known['limit']): void => {
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(connection, { readAt: performance.now(), limit });
  };
  const read = (connection: string): Known['limit'] => {
    const found = known.get(connection);
    if (found !== undefined && performance.now() - found.readAt < FRESH_MS) return found.limit;
    const limit = currentLimit(db, connection, clock());
    remember(connection, limit);
    limit.catch(() => known.delete(connection));
    return limit;
  };

  return {
    wait: async (connection, signal) => {
      const limit = await read(connection);
      const waitMs = (limit?.until.getTime() ?? 0) - clock().getTime();
      if (waitMs <= 0 || waitMs > LONGEST_WAIT_MS) return;
      try {
        await delay(waitMs + Math.random() * SPREAD_MS, undefined, { signal });
      } catch (cause) {
        throw new EngineError('script_aborted', 'The caller went away while its call waited for a limit', { cause });
      }
    },
    note: (connection, limit) => {
      if (limit.scope === 'integration') known.clear();
      remember(connection, Promise.resolve(limit));
      noteLimit(db, connection, limit).catch((error: unknown) => log('limit.unnoted', { reason: String(error) }));
    },
  };
}
