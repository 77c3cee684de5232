import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { deleteConnection, saveConnection } from '../../store/connections.ts';
import { addMissingSyncs } from '../../store/missing-syncs.ts';
import { markTold, queuedSyncRuns } from '../../store/open-runs.ts';
import { deleteScripts } from '../../store/scripts.ts';
import {
  countDueSyncs,
  dueSyncs,
  forgetRemoval,
  listSyncs,
  markScheduled,
  reviseSyncsOf,
  scheduleRemovals,
  setPaused,
  unknownSchedules,
} from '../../store/syncs.ts';
import { useDatabase } from '../support/database.ts';
import { allocating, type SeededConnection, seedConnection, seedScript, START } from '../support/rows.ts';

const database = useDatabase();
let seeded: SeededConnection;

beforeEach(async () => {
  seeded = await seedConnection(database.pool, randomUUID());
});

const addMissing = (connectionRow: string | null = null) =>
  addMissingSyncs(database.pool, allocating, { environmentId: seeded.environmentId, connectionRow });
const syncs = () =>
  listSyncs(database.pool, {
    environmentId: seeded.environmentId,
    providerConfigKey: null,
    connectionId: null,
    names: null,
  });
const connect = (connectionId: string) =>
  saveConnection(database.pool, {
    ...seeded,
    connectionId,
    sealedCredentials: 'x',
    connectionConfig: {},
    metadata: undefined,
    at: START,
  });

test('a deployed sync reaches every connection once, with a first run each', async () => {
  await connect('c2');
  await seedScript(database.pool, seeded);
  const runs = await addMissing();
  expect(runs).toHaveLength(2);
  expect((await syncs()).map((sync) => [sync.connectionId, sync.name, sync.paused, sync.runs])).toEqual([
    ['c1', 'tasks', false, 'every hour'],
    ['c2', 'tasks', false, 'every hour'],
  ]);
  expect(await addMissing()).toEqual([]);
});

test('a sync without auto_start begins paused and starts no run', async () => {
  await seedScript(database.pool, seeded, { autoStart: false });
  expect(await addMissing()).toEqual([]);
  expect((await syncs()).map((sync) => sync.paused)).toEqual([true]);
});

test('actions become no syncs', async () => {
  await seedScript(database.pool, seeded, {
    kind: 'action',
    name: 'post',
    runs: null,
    intervalMs: null,
    syncType: null,
  });
  expect(await addMissing()).toEqual([]);
  expect(await syncs()).toEqual([]);
});

test('ids with colons, percent signs and slashes make schedules that are apart', async () => {
  await seedScript(database.pool, seeded);
  for (const id of ['a:b', 'a%3Ab', 'a/b', "a'(b)*!", 'a b']) await connect(id);
  await addMissing();
  const ids = (await syncs()).map((sync) => sync.scheduleId);
  expect(new Set(ids).size).toBe(6);
  for (const id of ids) expect(id).toMatch(/^sync(:[\w.~%-]+){4}$/);
});

test('Temporal hears of what changed: new, paused and revised syncs are due until marked', async () => {
  const scriptId = await seedScript(database.pool, seeded);
  await addMissing();
  const due = () => dueSyncs(database.pool, 1_000);
  const mine = async () => (await due()).filter((sync) => sync.environmentId === seeded.environmentId);
  const [fresh] = await mine();
  if (fresh === undefined) throw new Error('not due');
  await markScheduled(database.pool, fresh);
  expect(await mine()).toEqual([]);
  await setPaused(database.pool, [fresh.id], true);
  await setPaused(database.pool, [fresh.id], true);
  expect(await mine()).toMatchObject([{ paused: true, revision: fresh.revision + 1 }]);
  await reviseSyncsOf(database.pool, [scriptId]);
  await markScheduled(database.pool, { id: fresh.id, revision: fresh.revision + 1 });
  expect(await mine()).toHaveLength(1);
});

test('Temporal hears of each script’s syncs in turn, so that few stand behind no many', async () => {
  for (const id of ['m1', 'm2', 'm3']) await connect(id);
  const many = await seedScript(database.pool, seeded);
  await addMissing();
  const late = await seedConnection(database.pool, randomUUID());
  const few = await seedScript(database.pool, late);
  await addMissingSyncs(database.pool, allocating, { environmentId: late.environmentId, connectionRow: null });
  const order = (await dueSyncs(database.pool, 1_000)).map(({ scriptId }) => scriptId);
  const mine = order.filter((id) => id === many || id === few);
  expect(mine).toEqual([many, few, many, many, many]);
  expect(await countDueSyncs(database.pool, { scriptIds: [many] })).toBe(4);
  expect(await countDueSyncs(database.pool, { connectionRow: late.connectionRow })).toBe(1);
});

test('a queued run is told to Temporal once, and again only when nobody has begun it for long', async () => {
  await seedScript(database.pool, seeded);
  const [run] = await addMissing();
  if (run === undefined) throw new Error('no first run');
  const untold = async (toldBefore: Date) => {
    const page = { afterId: '0', limit: 100, toldBefore, syncIds: [run.syncId] };
    return (await queuedSyncRuns(database.pool, page)).map(({ runId }) => runId);
  };
  expect(await untold(START)).toEqual([run.runId]);
  await markTold(database.pool, [run.runId], START);
  expect(await untold(START)).toEqual([]);
  expect(await untold(new Date(START.getTime() + 1))).toEqual([run.runId]);
});

test.each([
  ['its script', async (scriptId: string) => deleteScripts(database.pool, [scriptId])],
  ['its connection', async () => deleteConnection(database.pool, seeded.connectionRow)],
  [
    'its environment',
    async () => database.pool.query('delete from environments where id = $1', [seeded.environmentId]),
  ],
])('the schedule of a sync is remembered for removal when %s goes', async (_, removeIt) => {
  const scriptId = await seedScript(database.pool, seeded);
  await addMissing();
  const [sync] = await syncs();
  if (sync === undefined) throw new Error('no sync');
  expect(await unknownSchedules(database.pool, [sync.scheduleId, 'sync:other'])).toEqual(['sync:other']);
  await removeIt(scriptId);
  expect(await scheduleRemovals(database.pool, 1_000)).toContain(sync.scheduleId);
  expect(await unknownSchedules(database.pool, [sync.scheduleId])).toEqual([sync.scheduleId]);
  await forgetRemoval(database.pool, sync.scheduleId);
  expect(await scheduleRemovals(database.pool, 1_000)).not.toContain(sync.scheduleId);
});

test('a sync that came back under the same id is not removed', async () => {
  const scriptId = await seedScript(database.pool, seeded);
  await addMissing();
  const [before] = await syncs();
  await deleteScripts(database.pool, [scriptId]);
  await seedScript(database.pool, seeded);
  await addMissing();
  expect(await scheduleRemovals(database.pool, 1_000)).not.toContain(before?.scheduleId);
});
