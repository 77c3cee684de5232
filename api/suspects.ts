import type { Queryable } from '../store/db.ts';
import { knownSecrets } from '../store/known-secrets.ts';

/** Secrets of one question to Postgres; what is over that waits for the next one. */
const AT_ONCE = 500;

type Waiting = { readonly secret: string; readonly answer: PromiseWithResolvers<boolean> };

/**
 * Tells whether a secret opens anything, for callers from an address that guesses. All of them share one query at a time:
 * however many secrets are tried, it costs Postgres one connection, and whoever has a good one waits for two queries at
 * most while no more than 500 are tried within one.
 */
export function createSuspects(db: Queryable): (secret: string) => Promise<boolean> {
  let waiting: Waiting[] = [];
  let isAsking = false;

  const askAll = async (): Promise<void> => {
    isAsking = true;
    while (waiting.length > 0) {
      const page = waiting.slice(0, AT_ONCE);
      waiting = waiting.slice(AT_ONCE);
      await knownSecrets(db, [...new Set(page.map(({ secret }) => secret))]).then(
        (known) => {
          for (const { secret, answer } of page) answer.resolve(known.has(secret));
        },
        (error: unknown) => {
          for (const { answer } of page) answer.reject(error);
        },
      );
    }
    isAsking = false;
  };

  return (secret) => {
    const answer = Promise.withResolvers<boolean>();
    waiting.push({ secret, answer });
    if (!isAsking) void askAll();
    return answer.promise;
  };
}
