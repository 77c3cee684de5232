/** What the SDK's worker must keep apart and small, with the settings of ours; each has been broken in some release of it. */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import { bundleWorkflowCode, type NativeConnection, Worker } from '@temporalio/worker';
import type { SyncInput, SyncStep } from '../../contract/sync.ts';
import { installSdk } from '../../worker/sdk.ts';
import { resumeSignal } from '../../workflows/messages.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { useTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';

const temporal = useTemporal();
let connection: NativeConnection;
let client: Client;

beforeAll(async () => {
  installSdk(() => undefined);
  connection = await temporal.connect();
  client = new Client({ connection });
});

afterAll(() => connection.close());

const COMMON = { workflowThreadPoolSize: 1, reuseV8Context: true };

test('U108: no workflow sees what another one left in a variable of its module', async () => {
  const workflowsPath = fileURLToPath(new URL('../fixtures/module-state/workflows.ts', import.meta.url));
  const taskQueue = randomUUID();
  const worker = await Worker.create({
    ...{ ...COMMON, connection, taskQueue },
    workflowBundle: await bundleWorkflowCode({ workflowsPath }),
  });
  const start = (mine: string) =>
    client.workflow.start('stateWorkflow', { workflowId: randomUUID(), taskQueue, args: [mine] });
  const seen = await worker.runUntil(async () => {
    const open = await Promise.all(['one', 'two', 'three'].map(start));
    const later = await start('later');
    for (const handle of [...open, later]) await handle.signal('release');
    return Promise.all([...open, later].map((handle) => handle.result()));
  });
  expect(seen).toEqual(['one', 'two', 'three', 'later'].map((mine) => [null, mine, mine]));
}, 240_000);

test('U109: of many open workflows a worker holds as many as it is set to, and all of them end', async () => {
  const taskQueue = randomUUID();
  // The worker's own limit for syncs, and four times as many.
  const [open, cached] = [200, 50];
  const steps = new Map<string, number>();
  const runScript = async ({ syncId }: SyncInput): Promise<SyncStep> => {
    steps.set(syncId, (steps.get(syncId) ?? 0) + 1);
    if (steps.get(syncId) === 1) return { status: 'waiting', runId: syncId, resumeAt: null, reason: 'paused' };
    return { status: 'finished', runId: syncId, counts: {} };
  };
  const worker = await Worker.create({
    ...{ ...COMMON, maxCachedWorkflows: cached, connection, taskQueue },
    ...{ activities: { runScript }, workflowBundle: await bundleWorkflows() },
  });
  await worker.runUntil(async () => {
    const handles = await Promise.all(
      Array.from({ length: open }, (_, n) =>
        client.workflow.start('syncWorkflow', {
          ...{ workflowId: randomUUID(), taskQueue, args: [{ syncId: String(n) }] },
        }),
      ),
    );
    await until('step of each', () => steps.size === open);
    expect(worker.getStatus().numCachedWorkflows).toBeLessThanOrEqual(cached);
    await Promise.all(handles.map((handle) => handle.signal(resumeSignal)));
    const results = await Promise.all(handles.map((handle) => handle.result()));
    expect(results.map((result) => (result as SyncStep).status)).toEqual(handles.map(() => 'finished'));
  });
  expect([...steps.values()]).toEqual(Array.from({ length: open }, () => 2));
}, 240_000);

test('U109: the bundle of the workflows holds neither zod nor anything else that the SDK does not bring', async () => {
  const { code } = await bundleWorkflows();
  const packages = [...code.matchAll(/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//g)].map(([, name]) => name ?? '');
  expect([...new Set(packages)].filter((name) => !name.startsWith('@temporalio/')).sort()).toEqual([
    'long',
    'ms',
    'nexus-rpc',
  ]);
  expect(packages.length).toBeGreaterThan(0);
});
