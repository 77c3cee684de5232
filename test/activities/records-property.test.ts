/** Random sequences of everything that happens to records, against a small model in memory. */
import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createMetrics } from '../../runtime/metrics.ts';
import { deleteUnseen, forgetTrackings, trackModels } from '../../activities/deletions.ts';
import { emptyCacheOf } from '../../activities/empty-cache.ts';
import { allocateSyncRun } from '../../store/allocation.ts';
import { type Database, withTransaction } from '../../store/db.ts';
import { askForEmptyCache } from '../../store/empty-cache.ts';
import { headOf, recordCounts } from '../../store/record-heads.ts';
import { pruneRecords } from '../../store/record-pruning.ts';
import { isoTime, pageOfRecords, type RecordRow } from '../../store/record-reads.ts';
import { deleteRecords, saveRecords, updateRecords } from '../../store/records.ts';
import { countsOfRun } from '../../store/run-views.ts';
import { type Attempt, beginAttempt } from '../../store/runs.ts';
import type { Sync } from '../../store/syncs.ts';
import { useDatabase } from '../support/database.ts';
import { createRecordModel, type ModelRow } from '../support/record-model.ts';
import { allocating, seedSecondSync, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
const never = new AbortController().signal;
const SEEDS = 12;
const STEPS = 30;

/** Numbers from a seed, so that a failing sequence can be played again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_507) + 0x6d2b79f5) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

async function begin(db: Database, sync: Sync, empties = false): Promise<Attempt> {
  const { runId } = await allocateSyncRun(db, allocating, sync, 'api');
  if (empties) await askForEmptyCache(db, runId);
  const run = await beginAttempt(db, { runId, workflowRunId: `w-${runId}`, at: START });
  if (run === undefined) throw new Error('The run did not begin');
  return run;
}

async function readAll(db: Database, sync: Sync, limit = 1_000): Promise<RecordRow[]> {
  const headId = await headOf(db, { connectionRow: sync.connectionRow, model: 'Task', variant: 'base' });
  const all: RecordRow[] = [];
  for (let afterSeq = '0'; headId !== undefined; afterSeq = all.at(-1)?.seq ?? '0') {
    const page = await pageOfRecords(db, { headId, afterSeq, actions: null, ids: null, limit, maxBytes: 1e9 });
    if (page.length === 0) break;
    all.push(...page);
  }
  return all;
}

const micros = (text: string): number =>
  (Date.parse(`${isoTime(text).slice(0, 19)}Z`) - START.getTime()) * 1_000 + Number(isoTime(text).slice(20, 26));
const seenFrom = (row: RecordRow) => ({
  content: JSON.parse(row.payload),
  action: row.lastAction,
  firstSeen: micros(row.firstSeenAt),
  modified: micros(row.lastModifiedAt),
  isDeleted: row.deletedAt !== null,
  isPruned: row.prunedAt !== null,
});

test.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
  'sequence %i leaves what the model says',
  async (seed) => {
    const db = database.pool;
    const first = await seedSync(db, randomUUID());
    const syncs = [first, await seedSecondSync(db, first)] as const;
    await db.query(`update scripts set deletion_guard = 1`);
    const model = createRecordModel();
    const random = randomFrom(seed);
    const rowsOf = (count: number): ModelRow[] =>
      Array.from({ length: count }, () => ({
        id: `r${random(12)}`,
        n: random(3),
        in: { [`k${random(2)}`]: random(2) },
      }));
    let ms = 0;
    for (let step = 0; step < STEPS; step += 1) {
      // The clock stands still, goes on, or goes back.
      ms += random(3) === 0 ? 0 : random(7) - 1;
      const at = new Date(START.getTime() + ms);
      const time = ms * 1_000;
      // Most seeds have one writer, and all of them at first.
      const sync = syncs[seed % 3 === 0 && step > 10 ? random(2) : 0] as Sync;
      const writer = sync.name;
      const run = await begin(db, sync);
      const write = { ...run, model: 'Task', at };
      const stored = async (rows: readonly ModelRow[], how: typeof saveRecords) =>
        withTransaction(db, (tx) =>
          how(
            tx,
            { ...write, ids: rows.map(({ id }) => id) },
            rows.map((row) => JSON.stringify(row)),
          ),
        );
      const kind = random(12);
      if (kind < 4) {
        const rows = rowsOf(1 + random(6));
        expect(await stored(rows, saveRecords)).toEqual(model.save(writer, rows, time));
      } else if (kind < 6) {
        const rows = rowsOf(1 + random(4));
        expect(await stored(rows, updateRecords)).toEqual(model.update(writer, rows, time));
      } else if (kind < 8) {
        const ids = rowsOf(1 + random(4)).map(({ id }) => id);
        const counts = await withTransaction(db, (tx) => deleteRecords(tx, { ...write, ids }));
        expect(counts).toEqual(model.remove(writer, ids, time));
      } else if (kind < 10) {
        const parts = { db, clock: () => at, log: () => undefined, meter: createMetrics() };
        await trackModels(parts, run, ['Task'], never);
        model.startTracking(writer, time);
        const rows = rowsOf(random(10));
        const saved = await stored(rows, saveRecords);
        expect(saved).toEqual(model.save(writer, rows, time));
        await deleteUnseen(parts, run, ['Task'], never);
        await forgetTrackings(db, { ...run, trackDeletes: true });
        const { deleted } = model.compare(writer, time);
        expect(await countsOfRun(db, run.runId)).toEqual({ Task: { ...saved, deleted } });
      } else if (kind === 10) {
        const rows = await readAll(db, sync);
        const place = random(rows.length + 1);
        const headId = await headOf(db, { connectionRow: sync.connectionRow, model: 'Task', variant: 'base' });
        const untilSeq = rows[place - 1]?.seq ?? '0';
        const prune = { headId: headId ?? '0', untilSeq, limit: 1_000, at };
        await withTransaction(db, (tx) => pruneRecords(tx, prune));
        model.prune(place);
      } else if (random(3) === 0) {
        await emptyCacheOf({ db, clock: () => at }, await begin(db, sync, true), never);
        model.empty(writer, time);
      }
      expect((await readAll(db, sync, 1 + random(7))).map(seenFrom)).toEqual(model.read());
      const [count] = await recordCounts(db, [sync.connectionRow]);
      expect(count?.live ?? 0).toBe(model.live());
    }
  },
);

test('counts, numbers and a polling reader agree after runs that write and refresh at once', async () => {
  const db = database.pool;
  const first = await seedSync(db, randomUUID());
  const syncs = [first, await seedSecondSync(db, first)];
  await db.query(`update scripts set deletion_guard = 1`);
  const runIds: string[] = [];
  const beginOne = async (sync: Sync): Promise<Attempt> => {
    const run = await begin(db, sync);
    runIds.push(run.runId);
    return run;
  };
  const state = new Map<string, string>();
  let afterSeq = '0';
  const poll = async (): Promise<number> => {
    const headId = await headOf(db, { connectionRow: first.connectionRow, model: 'Task', variant: 'base' });
    if (headId === undefined) return -1;
    const rows = await pageOfRecords(db, { headId, afterSeq, actions: null, ids: null, limit: 20, maxBytes: 1e9 });
    for (const { seq, payload, lastAction } of rows) {
      state.set(JSON.parse(payload).id, `${seq} ${lastAction} ${payload}`);
      afterSeq = seq;
    }
    return rows.length;
  };
  let writing = 8;
  const work = async (seed: number): Promise<void> => {
    const random = randomFrom(seed);
    const run = await beginOne(syncs[seed % 2] as Sync);
    for (let step = 0; step < 40; step += 1) {
      const ids = Array.from({ length: 5 }, () => `r${random(30)}`);
      const write = { ...run, model: 'Task', at: START, ids };
      const rows = ids.map((id) => JSON.stringify({ id, n: random(4) }));
      await withTransaction(db, (tx) => {
        const kind = random(4);
        if (kind === 0) return deleteRecords(tx, write);
        return kind === 1 ? updateRecords(tx, write, rows) : saveRecords(tx, write, rows);
      });
    }
    writing -= 1;
  };
  // Full refreshes, each of which deletes what neither sync claims.
  const refresh = async (seed: number): Promise<void> => {
    const random = randomFrom(seed);
    const parts = { db, clock: () => START, log: () => undefined, meter: createMetrics() };
    for (let round = 0; round < 8; round += 1) {
      const run = await beginOne(syncs[seed % 2] as Sync);
      await trackModels(parts, run, ['Task'], never);
      const ids = Array.from({ length: 10 }, () => `r${random(30)}`);
      const rows = ids.map((id) => JSON.stringify({ id, n: random(4) }));
      await withTransaction(db, (tx) => saveRecords(tx, { ...run, model: 'Task', at: START, ids }, rows));
      await deleteUnseen(parts, run, ['Task'], never);
      await forgetTrackings(db, { ...run, trackDeletes: true });
    }
    writing -= 1;
  };
  const reader = (async () => {
    while (writing > 0 || (await poll()) !== 0) await poll();
  })();
  await Promise.all([...[1, 2, 3, 4, 5, 6].map(work), ...[7, 8].map(refresh), reader]);
  const rows = await readAll(db, first);
  expect(new Set(rows.map(({ seq }) => seq)).size).toBe(rows.length);
  expect(Object.fromEntries(state)).toEqual(
    Object.fromEntries(
      rows.map(({ seq, payload, lastAction }) => [JSON.parse(payload).id, `${seq} ${lastAction} ${payload}`]),
    ),
  );
  const live = rows.filter(({ lastAction }) => lastAction !== 'DELETED').length;
  expect((await recordCounts(db, [first.connectionRow]))[0]?.live).toBe(live);
  // What the runs say they did adds up to what is there.
  const counts = await Promise.all(runIds.map((runId) => countsOfRun(db, runId)));
  const sum = counts.reduce((all, { Task }) => all + (Task?.added ?? 0) - (Task?.deleted ?? 0), 0);
  expect(sum).toBe(live);
}, 60_000);
