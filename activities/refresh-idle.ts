import { failureCode } from '../contract/failures.ts';
import { idleConnections } from '../store/connection-lists.ts';
import { openConnection } from '../store/connections.ts';
import type { Dependencies } from './dependencies.ts';
import { withHeartbeat } from './heartbeat.ts';

const PAGE = 100;
/** Fewer than a process asks for at once: callers who wait for a token go first. */
const AT_ONCE = 4;
/** A connection in use refreshes itself long before. */
const IDLE_MS = 24 * 3_600_000;

/**
 * Refreshes tokens that are due and were not written for a day, a page at a time. A refusal is kept with its connection;
 * only faults of our own parts are thrown. Repeating it is harmless: what was refreshed is not due any more.
 */
export function createRefreshIdle(deps: Dependencies) {
  return ({ afterId }: { afterId: string }): Promise<{ readonly nextAfterId: string | null }> =>
    withHeartbeat(async (signal) => {
      const now = deps.clock();
      const connections = await idleConnections(deps.db, {
        now,
        writtenBefore: new Date(now.getTime() - IDLE_MS),
        afterId,
        limit: PAGE,
      });
      for (let from = 0; from < connections.length && !signal.aborted; from += AT_ONCE) {
        await Promise.all(
          connections.slice(from, from + AT_ONCE).map(async (connection) => {
            if (!deps.catalogue.has(connection.provider)) return;
            await deps.keeper.refresh(openConnection(connection, deps.box), 'due').catch((error: unknown) => {
              if (!REFUSALS.has(failureCode(error) ?? '')) throw error;
            });
          }),
        );
      }
      return { nextAfterId: connections.length < PAGE ? null : (connections.at(-1)?.id ?? null) };
    });
}

const REFUSALS: ReadonlySet<string> = new Set(['refresh_failed', 'connection_unauthorized', 'unknown_connection']);
