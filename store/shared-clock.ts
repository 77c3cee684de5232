/**
 * The clock that all processes go by: Postgres' own. The clock of one machine may be wrong or jump, and a time that one
 * process wrote is compared by another: leases of tokens, ends of sessions, limits, `lastSyncDate`. What a process adds
 * of its own is only how long ago it asked, by a clock that nobody sets.
 */
import { onlyRow, type Queryable } from './db.ts';

export type SharedClock = {
  readonly now: () => Date;
  readonly close: () => void;
};

/** One answer of Postgres: its time in ms, and by how much that may be wrong when it arrives. */
type Reading = { readonly atMs: number; readonly readAt: number; readonly errorMs: number };

const ASK_EVERY_MS = 20_000;
/** Of the first questions the one with the quickest answer counts. */
const FIRST_QUESTIONS = 3;

/**
 * Opens it; `onStep` hears of each time that Postgres' clock no longer is what was counted on, by ms. While Postgres cannot
 * be asked the clock goes on from what it knows.
 * @param options.askEveryMs @default 20 s
 * @throws what the first question fails with.
 */
export async function openSharedClock(
  db: Queryable,
  options: { readonly onStep: (byMs: number) => void; readonly askEveryMs?: number },
): Promise<SharedClock> {
  let known = await ask(db);
  for (let more = 1; more < FIRST_QUESTIONS; more += 1) {
    const next = await ask(db);
    if (next.errorMs < known.errorMs) known = next;
  }
  const askAgain = async (): Promise<void> => {
    const next = await ask(db).catch(() => undefined);
    if (next === undefined) return;
    const byMs = stepTo(known, next);
    if (byMs === 0) return;
    known = next;
    options.onStep(byMs);
  };
  const timer = setInterval(() => void askAgain(), options.askEveryMs ?? ASK_EVERY_MS);
  timer.unref();
  return { now: () => new Date(timeAt(known, performance.now())), close: () => clearInterval(timer) };
}

async function ask(db: Queryable): Promise<Reading> {
  const askedAt = performance.now();
  const result = await db.query<{ atMs: number }>(
    `select extract(epoch from clock_timestamp())::float8 * 1000 as "atMs"`,
  );
  const readAt = performance.now();
  const errorMs = (readAt - askedAt) / 2;
  return { atMs: onlyRow(result, 'The time').atMs + errorMs, readAt, errorMs };
}

function timeAt({ atMs, readAt }: Reading, now: number): number {
  return atMs + (now - readAt);
}

/**
 * By how many ms the clock is to be set; 0 where both readings may be right: an answer that was long on its way must not
 * shake the clock.
 */
export function stepTo(known: Reading, next: Reading): number {
  const byMs = next.atMs - timeAt(known, next.readAt);
  return Math.abs(byMs) <= known.errorMs + next.errorMs ? 0 : byMs;
}
