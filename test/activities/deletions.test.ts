import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from '@jest/globals';
import { createMetrics } from '../../runtime/metrics.ts';
import {
  askForUnseen,
  deleteUnseen,
  forgetTrackings,
  modelsToCompare,
  trackModels,
} from '../../activities/deletions.ts';
import { writeCheckpoint } from '../../store/checkpoints.ts';
import { withTransaction } from '../../store/db.ts';
import { confirmDeletions, heldDeletions } from '../../store/held-deletions.ts';
import { recordCounts } from '../../store/record-heads.ts';
import { deleteRecords, saveRecords } from '../../store/records.ts';
import { allocateSyncRun } from '../../store/allocation.ts';
import { countsOfRun } from '../../store/run-views.ts';
import { type Attempt, beginAttempt } from '../../store/runs.ts';
import type { Sync } from '../../store/syncs.ts';
import { useDatabase } from '../support/database.ts';
import { allocating, seedSecondSync, seedSync, START } from '../support/rows.ts';

const DELETING = fileURLToPath(new URL('../support/deleting-process.ts', import.meta.url));
const database = useDatabase();
const deps = {
  get db() {
    return database.pool;
  },
  clock: () => START,
  log: () => undefined,
  meter: createMetrics(),
};
const never = new AbortController().signal;
let sync: Sync;

beforeEach(async () => {
  sync = await seedSync(database.pool, randomUUID());
  await database.pool.query(`update scripts set track_deletes = true where id = $1`, [sync.scriptId]);
});

async function begin(of = sync): Promise<Attempt> {
  const { runId } = await allocateSyncRun(database.pool, allocating, of, 'api');
  const run = await beginAttempt(database.pool, { runId, workflowRunId: `w-${runId}`, at: START });
  if (run === undefined) throw new Error('The run did not begin');
  if (run.trackDeletes) await trackModels(deps, run, run.models ?? [], never);
  return run;
}

const secondSync = () => seedSecondSync(database.pool, sync);

const ids = (count: number, prefix = 'r') =>
  Array.from({ length: count }, (_, n) => `${prefix}${String(n).padStart(6, '0')}`);
const save = (run: Attempt, of: readonly string[], variant = 'base') =>
  withTransaction(database.pool, (db) =>
    saveRecords(
      db,
      { ...run, variant, model: 'Task', ids: of, at: START },
      of.map((id) => JSON.stringify({ id })),
    ),
  );
const finish = async (run: Attempt, signal = never) => {
  const models = await modelsToCompare(deps, run, signal);
  const done = await deleteUnseen(deps, run, models, signal);
  if (done) await forgetTrackings(database.pool, run);
  return done;
};
const full = async (of: readonly string[], by = sync) => {
  const run = await begin(by);
  await save(run, of);
  await finish(run);
  return run;
};
const live = async () =>
  (
    await database.pool.query<{ id: string }>(
      `select r.id from records r join record_heads h on h.id = r.head_id
       where h.connection_id = $1 and h.variant = 'base' and r.deleted_at is null order by r.id`,
      [sync.connectionRow],
    )
  ).rows.map(({ id }) => id);
const countedLive = async () => (await recordCounts(database.pool, [sync.connectionRow]))[0]?.live;
const deletedBy = async (run: Attempt) => (await countsOfRun(database.pool, run.runId))['Task']?.deleted;

test('what a full refresh no longer brings is deleted, and what comes back is there again', async () => {
  await full(['a', 'b', 'c']);
  const second = await full(['a', 'c', 'd']);
  expect(await live()).toEqual(['a', 'c', 'd']);
  expect(await countsOfRun(database.pool, second.runId)).toEqual({ Task: { added: 1, updated: 0, deleted: 1 } });
  await full(['a', 'b', 'c', 'd']);
  expect(await live()).toEqual(['a', 'b', 'c', 'd']);
  expect(await countedLive()).toBe(4);
});

test('records saved before the sync tracked deletions are compared as well', async () => {
  await database.pool.query(`update scripts set track_deletes = false where id = $1`, [sync.scriptId]);
  await save(await begin(), ['old', 'kept', 'also']);
  await database.pool.query(`update scripts set track_deletes = true where id = $1`, [sync.scriptId]);
  await full(['kept', 'also']);
  expect(await live()).toEqual(['also', 'kept']);
});

test('DEL: what another run of the sync saved after this one began stays', async () => {
  await full(['a', 'b', 'c']);
  const run = await begin();
  await save(run, ['a', 'b']);
  await save(await beginWithoutStart(), ['from-webhook', 'c']);
  await finish(run);
  expect(await live()).toEqual(['a', 'b', 'c', 'from-webhook']);
});

/** A run of the same sync that is told of one thing, as by a webhook, and compares nothing. */
async function beginWithoutStart(): Promise<Attempt> {
  const { runId } = await allocateSyncRun(database.pool, allocating, sync, 'api');
  const run = await beginAttempt(database.pool, { runId, workflowRunId: `w-${runId}`, at: START });
  if (run === undefined) throw new Error('The run did not begin');
  return run;
}

test('DEL U016: other variants and models keep their records', async () => {
  await full(['a', 'b']);
  const other = await beginWithoutStart();
  await save(other, ['a', 'b', 'x'], 'eu');
  await full(['a']);
  const counts = await recordCounts(database.pool, [sync.connectionRow]);
  expect(counts.map(({ variant, live: n }) => [variant, n])).toEqual([
    ['base', 1],
    ['eu', 3],
  ]);
});

test('a run that failed deletes nothing, and the next one compares with its own start', async () => {
  await full(['a', 'b', 'c', 'd']);
  await save(await begin(), ['a', 'new']);
  const good = await full(['b', 'c', 'd', 'new']);
  expect(await live()).toEqual(['b', 'c', 'd', 'new']);
  expect(await deletedBy(good)).toBe(1);
});

test('a run that goes on at the checkpoint of a failed one counts what that one saw as seen', async () => {
  await full(['a', 'b', 'c', 'd']);
  const first = await begin();
  await save(first, ['a', 'b']);
  await writeCheckpoint(database.pool, first, '{"page":2}', START);
  const second = await begin();
  await save(second, ['c']);
  await writeCheckpoint(database.pool, second, null, START);
  await finish(second);
  expect(await live()).toEqual(['a', 'b', 'c']);
});

test('an attempt that begins the run again keeps what the earlier attempt saw', async () => {
  await full(['a', 'b', 'c']);
  const first = await begin();
  await save(first, ['a', 'b']);
  const again = await beginAttempt(database.pool, { runId: first.runId, workflowRunId: 'w2', at: START });
  if (again === undefined) throw new Error('The run is gone');
  await trackModels(deps, again, ['Task'], never);
  await save(again, ['c']);
  await expect(finish(first)).rejects.toMatchObject({ code: 'lease_lost' });
  await finish(again);
  expect(await live()).toEqual(['a', 'b', 'c']);
});

test('DEL U030: a refresh that brings 40 % is held back with its number, and is believed once that was confirmed', async () => {
  await full(ids(100));
  const held = await full(ids(40));
  expect(await deletedBy(held)).toBe(0);
  expect(await countedLive()).toBe(100);
  expect(await heldDeletions(database.pool, [sync.id])).toEqual([{ syncId: sync.id, model: 'Task', count: 60 }]);
  expect(await confirmDeletions(database.pool, { syncId: sync.id, model: 'Task', count: 61 })).toBe(false);
  expect(await confirmDeletions(database.pool, { syncId: sync.id, model: 'Task', count: 60 })).toBe(true);
  expect(await deletedBy(await full(ids(40)))).toBe(60);
  expect(await heldDeletions(database.pool, [sync.id])).toEqual([]);
  // The confirmation is used up.
  await full(ids(5));
  expect(await countedLive()).toBe(40);
});

test('a confirmation allows no more than its number', async () => {
  await full(ids(100));
  await full(ids(40));
  await confirmDeletions(database.pool, { syncId: sync.id, model: 'Task', count: 60 });
  await full(ids(10));
  expect(await countedLive()).toBe(100);
  expect(await heldDeletions(database.pool, [sync.id])).toMatchObject([{ count: 90 }]);
});

test('an empty refresh over any records is held back, unless the guard is off', async () => {
  await full(['a', 'b']);
  await full([]);
  expect(await live()).toEqual(['a', 'b']);
  await database.pool.query(`update scripts set deletion_guard = 1 where id = $1`, [sync.scriptId]);
  await full([]);
  expect(await live()).toEqual([]);
});

test('a record that two syncs of a connection save is deleted when neither brings it any more', async () => {
  const other = await secondSync();
  await database.pool.query(`update scripts set track_deletes = true where id = $1`, [other.scriptId]);
  await full(['both', 'first', 'mine', 'x']);
  await full(['both', 'second', 'theirs'], other);
  expect(await live()).toEqual(['both', 'first', 'mine', 'second', 'theirs', 'x']);
  await full(['mine', 'x']);
  expect(await live()).toEqual(['both', 'mine', 'second', 'theirs', 'x']);
  await full(['second', 'theirs'], other);
  expect(await live()).toEqual(['mine', 'second', 'theirs', 'x']);
});

test('a sync that never saved anything misses nothing of what another one saved, even without its guard', async () => {
  await database.pool.query(`update scripts set track_deletes = false where id = $1`, [sync.scriptId]);
  await save(await beginOf(sync), ['a', 'b']);
  const other = await secondSync();
  await database.pool.query(`update scripts set track_deletes = true, deletion_guard = 1 where id = $1`, [
    other.scriptId,
  ]);
  await full([], other);
  expect(await live()).toEqual(['a', 'b']);
  await full(['x'], other);
  await full([], other);
  expect(await live()).toEqual(['a', 'b']);
});

test('an incremental sync that shares the model keeps what it once saved', async () => {
  await full(['a', 'b', 'c', 'd']);
  const incremental = await beginOf(await secondSync());
  await save(incremental, ['b', 'only-theirs']);
  await full(['a', 'c', 'd']);
  expect(await live()).toEqual(['a', 'b', 'c', 'd', 'only-theirs']);
});

test('claims of a sync that is gone hold nothing', async () => {
  const other = await secondSync();
  await full(['a', 'b', 'c']);
  await save(await beginOf(other), ['a', 'b', 'c']);
  await database.pool.query(`delete from scripts where id = $1`, [other.scriptId]);
  await full(['a', 'c']);
  expect(await live()).toEqual(['a', 'c']);
});

async function beginOf(other: Sync): Promise<Attempt> {
  const { runId } = await allocateSyncRun(database.pool, allocating, other, 'api');
  const run = await beginAttempt(database.pool, { runId, workflowRunId: `w-${runId}`, at: START });
  if (run === undefined) throw new Error('The run did not begin');
  return run;
}

test('a script that asks is told the ids, and they are deleted when its run has succeeded', async () => {
  await full(['a', 'b', 'c']);
  const run = await begin();
  await save(run, ['a', 'c']);
  const unseen = await askForUnseen(deps, run, 'Task', never);
  expect(unseen).toMatchObject({ keys: ['b'], decision: { held: false } });
  expect(await live()).toEqual(['a', 'b', 'c']);
  await finish(run);
  expect(await live()).toEqual(['a', 'c']);
});

test('DEL U032: 120,000 stale records go in short transactions while others save, and after a kill the next attempt goes on', async () => {
  await database.pool.query(`update scripts set deletion_guard = 1 where id = $1`, [sync.scriptId]);
  const first = await begin();
  for (let from = 0; from < 125_000; from += 5_000) await save(first, ids(125_000).slice(from, from + 5_000));
  await finish(first);
  const run = await begin();
  await save(run, ids(5_000));
  const neighbour = await seedSync(database.pool, randomUUID());
  const times: number[] = [];
  let deleting = true;
  const others = (async () => {
    for (let n = 0; deleting; n += 1) {
      const writer = await beginOf(neighbour);
      const begun = performance.now();
      await save(writer, ids(100, `n${n % 20}-`));
      times.push(performance.now() - begun);
    }
  })();
  const untilFewerThan = async (count: number) => {
    while (((await countedLive()) ?? 0) >= count) await database.pool.query('select');
  };
  const child = spawn(process.execPath, [DELETING, database.url, JSON.stringify(run)], { stdio: 'inherit' });
  await untilFewerThan(125_000);
  child.kill('SIGKILL');
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  const killedAt = (await countedLive()) ?? 0;
  expect(killedAt).toBeGreaterThan(5_000);
  const next = async (workflowRunId: string, signal = never) => {
    const again = await beginAttempt(database.pool, { runId: run.runId, workflowRunId, at: START });
    if (again === undefined) throw new Error('The run is gone');
    await trackModels(deps, again, ['Task'], never);
    return finish(again, signal);
  };
  // The next attempt is told to stop on its way; the last one deletes what is left, and nothing twice.
  const stop = new AbortController();
  const [done] = await Promise.all([next('w2', stop.signal), untilFewerThan(killedAt).then(() => stop.abort())]);
  expect(done).toBe(false);
  expect(await next('w3')).toBe(true);
  deleting = false;
  await others;
  expect([await countedLive(), (await live()).length, await deletedBy(run)]).toEqual([5_000, 5_000, 120_000]);
  const p95 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0;
  expect(p95).toBeLessThan(1_000);
}, 180_000);

test('deleting by the script and by comparison together count each record once', async () => {
  await full(['a', 'b', 'c', 'd', 'e']);
  const run = await begin();
  await save(run, ['a', 'b', 'c']);
  await withTransaction(database.pool, (db) => deleteRecords(db, { ...run, model: 'Task', ids: ['d'], at: START }));
  await finish(run);
  expect(await deletedBy(run)).toBe(2);
  expect(await countedLive()).toBe(3);
});
