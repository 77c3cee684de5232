import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { allocateSyncRun } from '../../store/allocation.ts';
import { saveConnection } from '../../store/connections.ts';
import { withTransaction } from '../../store/db.ts';
import { ensureEnvironment } from '../../store/environments.ts';
import { createIntegration } from '../../store/integrations.ts';
import { findRoom, firstInLine, giveWay, standInLine } from '../../store/run-room.ts';
import { beginAttempt, endRun } from '../../store/runs.ts';
import { addSync, type Sync, syncById } from '../../store/syncs.ts';
import { useDatabase } from '../support/database.ts';
import { allocating, START, seedScript } from '../support/rows.ts';

const database = useDatabase();
const NARROW = { connection: 1, integration: 2, environment: 3 };
const WIDE = { connection: 9, integration: 9, environment: 9 };
const at = (seconds: number) => new Date(START.getTime() + 1000 * seconds);
let environment = '';

beforeEach(() => {
  environment = randomUUID();
});

test('a run begins where there is room, and says where there is none', async () => {
  const [acme, globex, initech] = await syncs('a', ['acme', 'globex', 'initech']);
  const [other, last] = await syncs('b', ['acme', 'globex']);
  expect(await enter(await run(acme))).toBe('in');
  expect(await enter(await run(acme))).toBe('connection');
  expect(await enter(await run(globex))).toBe('in');
  expect(await enter(await run(initech))).toBe('integration');
  expect(await enter(await run(other))).toBe('in');
  expect(await enter(await run(last))).toBe('environment');
});

test('a run that is at work already goes on, and actions, waiting and ended runs take no place', async () => {
  const [acme] = await syncs('a', ['acme']);
  const first = await run(acme);
  expect(await enter(first)).toBe('in');
  expect(await enter(first, 1)).toBe('in');
  const second = await run(acme);
  expect(await enter(second, 1)).toBe('connection');
  await database.pool.query(`update runs set kind = 'action' where id = $1`, [first]);
  expect(await enter(second, 2)).toBe('in');
  await end(second);
  expect(await enter(await run(acme), 3)).toBe('in');
});

test('places are given in order of arrival, and whoever does not come when it is due lets others pass', async () => {
  const [acme] = await syncs('a', ['acme']);
  const [first, second, third] = [await run(acme), await run(acme), await run(acme)];
  expect(await enter(first)).toBe('in');
  expect(await enter(second, 1)).toBe('connection');
  expect(await enter(third, 2)).toBe('connection');
  await end(first);
  expect(await enter(third, 3)).toBe('connection');
  expect((await firstInLine(database.pool, first)).map(({ workflowId }) => workflowId)).toEqual([
    await workflowOf(second),
  ]);
  expect(await enter(second, 4)).toBe('in');
  await end(second);
  const late = await run(acme);
  expect(await enter(late, 5)).toBe('connection');
  // The third looks ten seconds after it came; half a minute past that its workflow counts as lost.
  expect(await enter(late, 13)).toBe('connection');
  expect(await enter(late, 44)).toBe('in');
});

test('a paused or cancelled run stands in nobody’s way', async () => {
  const [acme] = await syncs('a', ['acme']);
  const [first, second, third] = [await run(acme), await run(acme), await run(acme)];
  await enter(first);
  await enter(second, 1);
  await database.pool.query(`update runs set control = 'pause' where id = $1`, [second]);
  await end(first);
  expect(await enter(third, 2)).toBe('in');
  await database.pool.query(`update runs set control = 'cancel' where id = $1`, [second]);
  expect(await enter(second, 3)).toBe('gone');
});

test('a run that gives way is behind those that stood in line', async () => {
  const [acme] = await syncs('a', ['acme']);
  const [first, second] = [await run(acme), await run(acme)];
  await enter(first);
  await enter(second, 1);
  const way = { runId: first, fence: 1, scope: 'connection', at: at(2), resumeAt: at(4), reason: 'others' } as const;
  expect(await giveWay(database.pool, { ...way, fence: 2 })).toBe(false);
  expect(await giveWay(database.pool, way)).toBe(true);
  expect(await enter(first, 4)).toBe('connection');
  expect(await enter(second, 4)).toBe('in');
  await end(second);
  expect(await enter(first, 5)).toBe('in');
});

test('twenty runs that come at once get no more places than there are', async () => {
  const [acme] = await syncs('a', ['acme']);
  const runs = await Promise.all(Array.from({ length: 20 }, () => run(acme)));
  const entered = await Promise.all(runs.map((runId) => enter(runId, 0, { ...WIDE, connection: 5 })));
  expect(entered.filter((result) => result === 'in')).toHaveLength(5);
  expect(entered.filter((result) => result === 'connection')).toHaveLength(15);
});

/** Begins the run or puts it in line, as the activity does. */
async function enter(runId: string, seconds = 0, limits = NARROW): Promise<string> {
  const now = at(seconds);
  return withTransaction(database.pool, async (db) => {
    const room = await findRoom(db, { runId, at: now }, limits);
    const begin = { runId, workflowRunId: `w-${runId}`, at: now };
    if (room === undefined) return (await beginAttempt(db, begin)) ? 'in' : 'gone';
    const line = { runId, workflowRunId: `w-${runId}`, room, resumeAt: at(seconds + 10), reason: 'no room' };
    return (await standInLine(db, line)) ? room.scope : 'gone';
  });
}

function end(runId: string): Promise<boolean> {
  return endRun(database.pool, { runId, fence: null, state: 'success', failure: null, output: null, at: START });
}

async function run(sync: Sync | undefined): Promise<string> {
  if (sync === undefined) throw new Error('The sync is not there');
  return (await allocateSyncRun(database.pool, allocating, sync, 'api')).runId;
}

async function workflowOf(runId: string): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>('select workflow_id as id from runs where id = $1', [
    runId,
  ]);
  return rows[0]?.id ?? '';
}

/** A sync for each of these connections of an integration. */
async function syncs(integration: string, connections: readonly string[]): Promise<(Sync | undefined)[]> {
  const db = database.pool;
  const { id: environmentId } = await ensureEnvironment(db, environment, START);
  const common = { uniqueKey: integration, provider: 'acme', displayName: null, sealedCredentials: null, at: START };
  const { id: integrationId } = await createIntegration(db, { environmentId, ...common });
  const scriptId = await seedScript(db, { environmentId, integrationId });
  const found: (Sync | undefined)[] = [];
  for (const connection of connections) {
    const place = { environmentId, integrationId, connectionId: connection, sealedCredentials: 'v1:none' };
    const row = await saveConnection(db, { ...place, connectionConfig: {}, metadata: undefined, at: START });
    const address = { environment, integration, connection, sync: 'tasks', variant: 'base' };
    const added = { ...address, connectionRow: row.id, scriptId, autoStart: true };
    found.push(await syncById(db, (await addSync(db, environmentId, added, START)) ?? ''));
  }
  return found;
}
