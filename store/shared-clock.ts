/**
 * The clock that all processes of one database go by. Machines differ, by seconds and now and then by hours: what one of
 * them writes as the start of a run, the end of a limit or the expiry of a token, another compares with its own time.
 * Postgres' clock is the one that all of them can see.
 */
import type { Queryable } from './db.ts';

const COMPARE_EVERY_MS = 15_000;
/** Of a slower answer nobody can tell when Postgres looked at its clock. */
const SLOW_ANSWER_MS = 1_000;
const WORTH_TELLING_MS = 1_000;

export type SharedClock = {
  /** This machine's clock, set right by what it differed from Postgres' at the last comparison. */
  readonly now: () => Date;
  readonly close: () => void;
};

/** Compares the clocks, and again every 15 s until `close`. `onDiffers` hears of a new difference of a second or more. */
export async function openSharedClock(db: Queryable, onDiffers: (aheadMs: number) => void): Promise<SharedClock> {
  let aheadMs = 0;
  const compare = async (isFirst: boolean): Promise<void> => {
    const found = await differenceOf(db);
    if (!isFirst && found.withinMs > SLOW_ANSWER_MS) return;
    // Half of the answer's time is as exact as it gets: within that, clocks agree.
    const next = Math.abs(found.aheadMs) <= found.withinMs ? 0 : found.aheadMs;
    if (Math.abs(next - aheadMs) >= WORTH_TELLING_MS) onDiffers(Math.round(next));
    aheadMs = next;
  };
  // While Postgres is away, what was found before is the best there is.
  await compare(true).catch(() => undefined);
  const timer = setInterval(() => void compare(false).catch(() => undefined), COMPARE_EVERY_MS).unref();
  return { now: () => new Date(Date.now() - aheadMs), close: () => clearInterval(timer) };
}

/** By how much this machine's clock is ahead of Postgres', and how exact that is. */
async function differenceOf(db: Queryable): Promise<{ readonly aheadMs: number; readonly withinMs: number }> {
  const begun = performance.now();
  const { rows } = await db.query<{ ms: number }>(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
  );
  const tookMs = performance.now() - begun;
  return { aheadMs: Date.now() - tookMs / 2 - (rows[0]?.ms ?? 0), withinMs: tookMs / 2 + 1 };
}
