import { type ApiLimit, currentLimit, type LimitScope, noteLimit } from '../store/api-limits.ts';
import type { Dependencies } from './dependencies.ts';
import { untilStored } from './store-retry.ts';

export type ApiLimits = {
  /** Waits (by `wait`) while an API wants to hear nothing of this connection, whichever run was told so. */
  readonly await: (
    connection: number,
    signal: AbortSignal,
    wait: (resumeAt: number, reason: string) => Promise<void>,
  ) => Promise<void>;
  readonly note: (connection: number, signal: AbortSignal, limit: ApiLimit & { scope: LimitScope }) => Promise<void>;
};

/** Over which those who waited for one limit come back. */
const SPREAD_MS = 500;

/** How old the answer may be on which a call goes out: a limit is seen by all runs within this time. */
const FRESH_MS = 1_000;

/** The limits that runs share through Postgres; a shared limit of a few seconds is not worth the row. */
export function openApiLimits({ db, clock }: Pick<Dependencies, 'db' | 'clock'>): ApiLimits {
  const known = new Map<number, { readonly readAt: number; readonly until: number; readonly reason: string }>();
  const read = async (connection: number, signal: AbortSignal) => {
    const found = known.get(connection);
    if (found !== undefined && performance.now() - found.readAt < FRESH_MS) return found;
    const limit = await untilStored(() => currentLimit(db, String(connection), clock()), signal);
    const fresh = { readAt: performance.now(), until: limit?.until.getTime() ?? 0, reason: limit?.reason ?? '' };
    known.set(connection, fresh);
    return fresh;
  };
  return {
    await: async (connection, signal, wait) => {
      for (;;) {
        const { until, reason } = await read(connection, signal);
        if (until <= clock().getTime()) return;
        // Whoever waits for the same moment must not come at the same moment.
        await wait(until + Math.round(Math.random() * SPREAD_MS), reason);
      }
    },
    note: async (connection, signal, limit) => {
      await untilStored(() => noteLimit(db, String(connection), limit), signal);
      if (limit.scope === 'integration') known.clear();
      known.set(connection, { readAt: performance.now(), until: limit.until.getTime(), reason: limit.reason });
    },
  };
}
