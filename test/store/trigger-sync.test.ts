import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from '@jest/globals';
import { takeLease } from '../../store/lease.ts';
import { beginAttempt, endRun } from '../../store/runs.ts';
import type { Sync } from '../../store/syncs.ts';
import { triggerInStore } from '../../store/trigger-sync.ts';
import { useDatabase } from '../support/database.ts';
import { allocating, seedSync, START } from '../support/rows.ts';

const database = useDatabase();
let sync: Sync;

beforeEach(async () => {
  sync = await seedSync(database.pool, randomUUID());
});

test.each([{ reset: true }, { emptyCache: true }, {}])(
  'a trigger with %j that is made again does not disturb the run it has started',
  async (options) => {
    const runId = randomUUID();
    const trigger = () => triggerInStore(database.pool, allocating, sync, { ...options, runId });
    expect(await trigger()).toMatchObject({ allocated: { runId } });
    expect(await trigger()).toMatchObject({ joined: { runId } });
    await takeLease(database.pool, { syncId: sync.id, runId, instead: null });
    await beginAttempt(database.pool, { runId, workflowRunId: 'w', at: START });
    expect(await trigger()).toMatchObject({ joined: { runId, state: 'running' } });
    await endRun(database.pool, { runId, fence: null, state: 'failed', failure: null, output: null, at: START });
    await expect(trigger()).rejects.toMatchObject({ constraint: 'runs_pkey' });
  },
);
