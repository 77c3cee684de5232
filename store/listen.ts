import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Database } from './db.ts';

export type Listener = {
  /** Ends the connection; resolves when that is done. */
  readonly close: () => Promise<void>;
};

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/**
 * Listens to a channel on a connection of its own, which it opens anew whenever it is lost. Postgres keeps nothing for
 * who does not listen: after each `connected` the caller reads what it may have missed.
 * @param channel an identifier, from a constant.
 */
export function listen(
  pool: Database,
  channel: string,
  on: {
    readonly connected: () => void;
    readonly notice: (payload: string) => void;
    readonly lost: (error: unknown) => void;
  },
): Listener {
  const closing = new AbortController();
  const { signal } = closing;

  const listenOnce = async (): Promise<void> => {
    // Outside the pool: it is held for as long as the process lives.
    const client = new pg.Client({ ...pool.options, keepAlive: true });
    const gone = Promise.withResolvers<unknown>();
    client.on('notification', ({ payload }) => on.notice(payload ?? ''));
    client.on('error', gone.resolve);
    client.once('end', () => gone.resolve(new Error('The connection ended')));
    const onClose = (): void => gone.resolve(undefined);
    signal.addEventListener('abort', onClose);
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
      on.connected();
      const reason = signal.aborted ? undefined : await gone.promise;
      if (reason !== undefined) throw reason;
    } finally {
      signal.removeEventListener('abort', onClose);
      await client.end().catch(() => undefined);
    }
  };

  const stayConnected = async (): Promise<void> => {
    for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      const begun = performance.now();
      try {
        await listenOnce();
      } catch (error) {
        if (!signal.aborted) on.lost(error);
      }
      if (performance.now() - begun > LONGEST_WAIT_MS) wait = FIRST_WAIT_MS;
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  };

  const done = stayConnected();
  return {
    close: () => {
      closing.abort();
      return done;
    },
  };
}
