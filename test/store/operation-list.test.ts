import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { OperationStatus } from '../../contract/operation.ts';
import { listOperations } from '../../store/operation-list.ts';
import { useDatabase } from '../support/database.ts';
import { seedSync } from '../support/rows.ts';

const database = useDatabase();

/** How often an index was looked into, by all that has ended so far. */
async function looks(index: string): Promise<number> {
  const client = await database.pool.connect();
  try {
    await client.query('select pg_stat_force_next_flush()');
    const sql = 'select idx_scan::int as looks from pg_stat_user_indexes where indexrelname = $1::text';
    return (await client.query<{ looks: number }>(sql, [index])).rows[0]?.looks ?? -1;
  } finally {
    client.release();
  }
}

const RUNS = `insert into runs (id, environment_id, connection_id, sync_id, kind, name, variant, started_by, state, bundle_hash,
    workflow_id, fence, flushed, seed, requests, created_at, finished_at)
  select $1::text || n, s.environment_id, s.connection_id, s.id, 'sync', 'tasks', 'base', 'api',
    case when n = 7 then 'failed' when n = 8 then 'cancelled' when n = 9 then 'waiting' else 'success' end, 'h1',
    $1::text || n, 0, 0, 'v1:none', 0, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second',
    case when n <> 9 then '2026-01-02T00:00:00Z'::timestamptz end
  from syncs s, generate_series(1, 5000) n where s.id = $2::bigint`;

test('a rare status is found by its index, not by a walk over all runs', async () => {
  const sync = await seedSync(database.pool, 'dev');
  await database.pool.query(RUNS, [`${randomUUID()}-`, sync.id]);
  await database.pool.query('analyze runs');
  const list = (statuses: readonly OperationStatus[] | null) =>
    listOperations(
      database.pool,
      {
        ...{ environmentId: sync.environmentId, types: ['sync'], statuses, providerConfigKey: null },
        ...{ connectionId: null, name: null, from: null, to: null, before: null },
      },
      10,
    );
  const walked = await looks('runs_unwell');
  const found = await list(['cancelled', 'failed']);
  expect(found.operations.map(({ status }) => status)).toEqual(['cancelled', 'failed']);
  expect((await list(['waiting'])).operations.map(({ status }) => status)).toEqual(['waiting']);
  expect((await list(['failed', 'success'])).operations).toHaveLength(10);
  expect((await list(['timeout'])).operations).toEqual([]);
  expect(await looks('runs_unwell')).toBeGreaterThan(walked);
});
