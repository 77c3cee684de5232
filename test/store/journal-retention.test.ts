import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { createSweepJournals } from '../../activities/sweep-journals.ts';
import type { PendingCall } from '../../contract/host.ts';
import type { RunState } from '../../contract/sync.ts';
import { deleteConnection } from '../../store/connections.ts';
import { journalChunkCount, pendingCalls, savePendingCalls } from '../../store/journal.ts';
import { type JournalRetention, journaledRuns, journalFootprint, keptUntil } from '../../store/journal-retention.ts';
import { runIdAt, runIdsBefore } from '../../store/allocation.ts';
import { logLines } from '../../store/run-logs.ts';
import { countFlush, endRun, newGeneration, type RunEnd, suspendRun } from '../../store/runs.ts';
import type { Sync } from '../../store/syncs.ts';
import { useDatabase } from '../support/database.ts';
import { allocating, seedRun, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
const DEFAULT: JournalRetention = { keep: 'failed', days: 7 };
let sync: Sync;

beforeEach(async () => {
  await database.pool.query('delete from runs');
  sync = await seedSync(database.pool, randomUUID());
});

const day = (days: number) => new Date(START.getTime() + days * 86_400_000);
const chunksOf = (runId: string, generation = 0) => journalChunkCount(database.pool, { runId, generation });

/** A begun run with one chunk of a journal. */
async function journaled(): Promise<{ runId: string; fence: number }> {
  const { runId, fence } = await seedRun(database.pool, sync);
  const chunk = { generation: 0, chunk: 0, data: Buffer.alloc(100) };
  await countFlush(database.pool, { runId, fence, number: 1, requests: 0, runningMs: 0, chunk });
  return { runId, fence };
}

async function ended(state: RunEnd['state']): Promise<string> {
  const { runId } = await journaled();
  await endRun(database.pool, { runId, fence: null, state, failure: null, output: null, at: START });
  return runId;
}

async function waiting(since = START): Promise<string> {
  const { runId, fence } = await journaled();
  await suspendRun(database.pool, { runId, fence, at: since, resumeAt: day(30), reason: 'a limit' });
  return runId;
}

async function sweep(at: Date, journals = DEFAULT): Promise<Record<string, unknown>[]> {
  const events: Record<string, unknown>[] = [];
  const deps = { db: database.pool, box: allocating.box, clock: () => at, journals };
  await createSweepJournals({ ...deps, log: (_, fields) => events.push(fields) })({ afterId: '0' });
  return events;
}

const CALL: PendingCall = {
  ...{ number: 1, argsHash: 'h', attempt: 0, state: 'intended', resumeAt: null, what: 'POST /tasks' },
  harmless: false,
};

test.each<[RunState, JournalRetention['keep'], boolean]>([
  ['failed', 'failed', true],
  ['cancelled', 'failed', true],
  ['success', 'failed', false],
  ['success', 'all', true],
  ['failed', 'none', false],
])('the journal of a run that ended as %s outlives it under %s: %s', (state, keep, isKept) => {
  const until = keptUntil({ state, finishedAt: START }, { keep, days: 2 });
  expect(until).toEqual(isKept ? day(2) : null);
});

test('a sweep drops journals of ended runs once their days are over, and says what is left', async () => {
  const [failed, cancelled, open] = [await ended('failed'), await ended('cancelled'), await journaled()];
  expect(await sweep(day(6.9))).toEqual([]);
  expect(await chunksOf(failed)).toBe(1);
  expect(await sweep(day(7.1))).toMatchObject([{ dropped: 2, cut: 0, runs: 1, bytes: 100 }]);
  expect([await chunksOf(failed), await chunksOf(cancelled), await chunksOf(open.runId)]).toEqual([0, 0, 1]);
});

test('where none is kept a sweep leaves those of open runs alone', async () => {
  const [failed, open] = [await ended('failed'), await journaled()];
  await sweep(day(0.1), { keep: 'none', days: 7 });
  expect([await chunksOf(failed), await chunksOf(open.runId)]).toEqual([0, 1]);
});

test('the page of runs with a journal goes on behind the last one, whichever table names it', async () => {
  const chunked = await journaled();
  await seedRun(database.pool, sync);
  const called = await seedRun(database.pool, sync);
  await savePendingCalls(database.pool, { runId: called.runId, generation: 0 }, [CALL]);
  const page = async (afterId: string, limit: number) =>
    (await journaledRuns(database.pool, { afterId, limit }, DEFAULT, day(8))).map((run) => run.runId);
  const both = [chunked.runId, called.runId].sort();
  expect(await page('0', 10)).toEqual(both);
  expect(await page('0', 1)).toEqual(both.slice(0, 1));
  expect(await page(both[0] ?? '', 10)).toEqual(both.slice(1));
  expect(await journaledRuns(database.pool, { afterId: '0', limit: 10 }, DEFAULT, day(6))).toEqual([]);
});

test('a run that waits for longer than journals are kept is cut to its checkpoint', async () => {
  const runId = await waiting();
  expect(await sweep(day(6.9))).toEqual([]);
  expect(await sweep(day(7.1))).toMatchObject([{ dropped: 0, cut: 1 }]);
  expect(await chunksOf(runId)).toBe(0);
  const { rows } = await database.pool.query('select state, generation, journal_bytes, generation_at from runs');
  expect(rows).toEqual([{ state: 'waiting', generation: 1, journal_bytes: '0', generation_at: day(7.1) }]);
  const [line] = await logLines(database.pool, { runId, afterSeq: 0, limit: 5 });
  expect(line).toMatchObject({ level: 'warn', message: expect.stringContaining('NANGO_JOURNAL_KEEP_DAYS=7') });
  expect(await sweep(day(30))).toEqual([]);
});

test('how long a run has existed does not count, only how long it has waited', async () => {
  const runId = await waiting(day(5));
  expect(await sweep(day(8))).toEqual([]);
  expect(await chunksOf(runId)).toBe(1);
});

test('a waiting run that changed the world keeps its journal, since a new beginning would do it twice', async () => {
  const runId = await waiting();
  await savePendingCalls(database.pool, { runId, generation: 0 }, [CALL]);
  expect(await sweep(day(8))).toEqual([]);
  expect(await chunksOf(runId)).toBe(1);
});

test('a new generation leaves nothing of the one before, unless another attempt has taken over', async () => {
  const { runId, fence } = await journaled();
  await savePendingCalls(database.pool, { runId, generation: 0 }, [CALL]);
  await newGeneration(database.pool, { runId, fence: fence + 1, sealedSeed: 's', at: START });
  expect(await chunksOf(runId)).toBe(1);
  await newGeneration(database.pool, { runId, fence, sealedSeed: 's', at: START });
  expect([await chunksOf(runId), await pendingCalls(database.pool, { runId, generation: 0 })]).toEqual([0, []]);
});

test('deleting a connection deletes its journals', async () => {
  await ended('failed');
  expect(await journalFootprint(database.pool)).toMatchObject({ runs: 1, bytes: 100 });
  await deleteConnection(database.pool, sync.connectionRow);
  expect(await journalFootprint(database.pool)).toMatchObject({ runs: 0, bytes: 0, diskBytes: expect.any(Number) });
});

test('run ids sort by the time of their allocation', () => {
  const id = runIdAt(START);
  const beside = [-1, 0, 1].map((ms) => id < runIdsBefore(new Date(START.getTime() + ms)));
  expect(beside).toEqual([false, false, true]);
});
