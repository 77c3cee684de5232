import { afterEach, expect, test } from '@jest/globals';
import { type Database, openDatabase, type Queryable } from '../../store/db.ts';
import { openSharedClock, type SharedClock, stepTo } from '../../store/shared-clock.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
const HOUR_MS = 3_600_000;
const ASK_EVERY_MS = 20;

const open: SharedClock[] = [];
afterEach(() => {
  for (const clock of open.splice(0)) clock.close();
});

/** The database, asked through `pool`, on a machine whose clock shows so much more. */
function movedBy(moved: { hours: number; pool: Database; asked: number }): Queryable {
  const query = (text: string) => {
    moved.asked += 1;
    const there = text.replace('clock_timestamp()', `(clock_timestamp() + interval '${moved.hours} hours')`);
    return moved.pool.query(there);
  };
  return { query } as unknown as Queryable;
}

async function postgresNow(): Promise<number> {
  const { rows } = await database.pool.query<{ now: Date }>('select clock_timestamp() as now');
  return rows[0]?.now.getTime() ?? 0;
}

test('it shows what Postgres’ clock shows, whatever that of the machine does', async () => {
  const clock = await openSharedClock(movedBy({ hours: 5, pool: database.pool, asked: 0 }), {
    onStep: () => undefined,
  });
  open.push(clock);
  const before = await postgresNow();
  const shown = clock.now().getTime() - 5 * HOUR_MS;
  expect(shown).toBeGreaterThanOrEqual(before - 1_000);
  expect(shown).toBeLessThanOrEqual((await postgresNow()) + 1_000);
});

test('it follows when Postgres’ clock is set, tells by how much, and goes on while Postgres is away', async () => {
  const pool = database.open();
  const moved = { hours: 0, pool, asked: 0 };
  const stepped = Promise.withResolvers<number>();
  const onStep = (byMs: number): void => {
    if (Math.abs(byMs) > 1_000) stepped.resolve(byMs);
  };
  const clock = await openSharedClock(movedBy(moved), { onStep, askEveryMs: ASK_EVERY_MS });
  open.push(clock);
  moved.hours = -3;
  expect(Math.round((await stepped.promise) / HOUR_MS)).toBe(-3);
  await pool.end();
  const at = clock.now().getTime();
  const { asked } = moved;
  while (moved.asked < asked + 3) await new Promise(setImmediate);
  expect(clock.now().getTime()).toBeGreaterThan(at);
  expect(clock.now().getTime() + 3 * HOUR_MS).toBeLessThan((await postgresNow()) + 1_000);
});

test('a Postgres that cannot be asked at the start is an error', async () => {
  // Nobody listens on that port.
  const away = openDatabase('postgres://127.0.0.1:1/nothing', { max: 1, onLost: () => undefined });
  await expect(openSharedClock(away, { onStep: () => undefined })).rejects.toThrow('ECONNREFUSED');
  await away.end();
});

test.each([
  ['agrees', { atMs: 2_000, readAt: 1_100, errorMs: 1 }, -0],
  ['was long on its way', { atMs: 5_000, readAt: 1_100, errorMs: 3_500 }, 0],
  ['is later', { atMs: 5_000, readAt: 1_100, errorMs: 1 }, 3_000],
  ['is earlier', { atMs: 1_500, readAt: 1_100, errorMs: 1 }, -500],
] as const)('an answer that %s moves the clock by what is certain', (_, next, byMs) => {
  expect(stepTo({ atMs: 1_900, readAt: 1_000, errorMs: 1 }, next)).toBeCloseTo(byMs);
});
