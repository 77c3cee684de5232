import { expect, test } from '@jest/globals';
import { createSweepLogs } from '../../activities/sweep-logs.ts';
import { addOperations, operationIdAt } from '../../store/operations.ts';
import { addLogLines, logLines } from '../../store/run-logs.ts';
import { findRun } from '../../store/run-views.ts';
import { useDatabase } from '../support/database.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
const DAY_MS = 86_400_000;
const day = (n: number): Date => new Date(START.getTime() + n * DAY_MS);

const addOperation = (at: Date, summary: string) =>
  addOperations(database.pool, [
    {
      ...{ id: operationIdAt(at), environmentId: '1', type: 'proxy', operation: 'call', status: 'success' },
      ...{ providerConfigKey: null, connectionId: null, summary, error: null, messages: [] },
      ...{ startedAt: at, endedAt: at },
    },
  ]);

test('operations and log lines go after the days of the setting, not before; runs stay', async () => {
  const sync = await seedSync(database.pool, 'dev');
  const { runId } = await seedRun(database.pool, sync);
  const lines = [0, 1, 2].map((n) => ({ seq: n + 1, at: day(n), level: 'info', message: `day ${n}` }) as const);
  await addLogLines(database.pool, runId, lines);
  for (const n of [0, 1, 2]) await addOperation(day(n), `day ${n}`);
  const sweep = async (at: Date) =>
    createSweepLogs({ db: database.pool, clock: () => at, logDays: 15, runDays: 0, log: () => undefined })();
  const left = async () => ({
    lines: (await logLines(database.pool, { runId, afterSeq: 0, limit: 10 })).map(({ message }) => message),
    operations: (await database.pool.query('select summary from operations order by id')).rows.map(
      ({ summary }) => summary,
    ),
  });
  expect(await sweep(day(15))).toEqual({ nextAfterId: null });
  expect((await left()).lines).toHaveLength(3);
  expect((await left()).operations).toHaveLength(3);
  await sweep(new Date(day(16).getTime() + 1));
  expect(await left()).toEqual({ lines: ['day 2'], operations: ['day 2'] });
  expect(await findRun(database.pool, sync.environmentId, runId)).toBeDefined();
});
