import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { setBackOff } from '../../store/back-off.ts';
import { endedRun } from '../../store/run-ends.ts';
import { endRun } from '../../store/runs.ts';
import { useDatabase } from '../support/database.ts';
import { seedRun, seedSync, START } from '../support/rows.ts';

const database = useDatabase();

test('failures in a row are told of runs of the sync, not of handlers of its webhooks, which do not count', async () => {
  const sync = await seedSync(database.pool, randomUUID());
  const { runId } = await seedRun(database.pool, sync);
  await endRun(database.pool, { runId, fence: null, state: 'failed', failure: null, output: null, at: START });
  await database.pool.query('update syncs set failures = 5 where id = $1::bigint', [sync.id]);
  await setBackOff(database.pool, sync.id, START);
  expect(await endedRun(database.pool, runId)).toMatchObject({ failuresInARow: 5 });
  await database.pool.query(`update runs set kind = 'webhook' where id = $1::text`, [runId]);
  expect(await endedRun(database.pool, runId)).toMatchObject({ failuresInARow: null });
});
