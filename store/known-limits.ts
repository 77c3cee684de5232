/** What one process knows of the limits that all share: read at most once a second for each connection. */
import type { ApiLimit, LimitScope } from './api-limits.ts';

export type KnownLimits = {
  /** Until when the API wants to hear nothing of the connection; thousands of calls that ask in one moment read once. */
  readonly of: (connection: string) => Promise<ApiLimit | undefined>;
  /** One that was just heard of and is noted in Postgres by the caller. */
  readonly learn: (connection: string, limit: ApiLimit & { readonly scope: LimitScope }) => void;
};

/** How old the answer may be on which a call goes out: a limit is seen by all processes within this time. */
const FRESH_MS = 1_000;
const MOST_KNOWN = 10_000;
/** Milliseconds over which those who waited for one limit come back. */
export const SPREAD_MS = 500;

type Known = { readonly readAt: number; readonly limit: Promise<ApiLimit | undefined> };

export function createKnownLimits(read: (connection: string) => Promise<ApiLimit | undefined>): KnownLimits {
  const known = new Map<string, Known>();
  const remember = (connection: string, limit: Known['limit']): void => {
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(connection, { readAt: performance.now(), limit });
  };
  return {
    of: (connection) => {
      const found = known.get(connection);
      if (found !== undefined && performance.now() - found.readAt < FRESH_MS) return found.limit;
      const limit = read(connection);
      remember(connection, limit);
      limit.catch(() => known.delete(connection));
      return limit;
    },
    learn: (connection, limit) => {
      // It holds for connections that were found free before.
      if (limit.scope === 'integration') known.clear();
      remember(connection, Promise.resolve(limit));
    },
  };
}
