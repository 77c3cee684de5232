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
  'a trigger with %j that is made again after the run it joined has ended does nothing',
  async (options) => {
    const first = randomUUID();
    await triggerInStore(database.pool, allocating, sync, { runId: first });
    const trigger = () => triggerInStore(database.pool, allocating, sync, { ...options, runId: randomUUID() });
    const again = { ...options, runId: randomUUID() };
    const repeated = () => triggerInStore(database.pool, allocating, sync, again);
    expect(await repeated()).toMatchObject({ joined: { runId: first, state: 'queued' } });
    await takeLease(database.pool, { syncId: sync.id, runId: first, instead: null });
    await beginAttempt(database.pool, { runId: first, workflowRunId: 'w', at: START });
    expect(await repeated()).toMatchObject({ joined: { runId: first, state: 'running' } });
    await endRun(database.pool, {
      runId: first,
      fence: null,
      state: 'success',
      failure: null,
      output: null,
      at: START,
    });
    expect(await repeated()).toMatchObject({ joined: { runId: first, state: 'success' }, resumed: [] });
    expect(await trigger()).toHaveProperty('allocated');
  },
);

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
