import { expect, test } from '@jest/globals';
import { fillEnvironment } from '../../bench/dashboard/rows.ts';
import { TASK_QUEUES } from '../../contract/engine.ts';
import { createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { until } from '../support/until.ts';

/** More than a worker that has to stop is given time for. */
const SYNCS = 3_000;
const WORKFLOW = 'reconcile-by-hand';

const platform = usePlatform();

test('a worker that stops leaves schedules it was making to the next one, which goes on', async () => {
  const { caller, engine } = platform;
  await createIntegration(caller, 'tracker', 'example-tracker');
  await createConnection(caller, 'tracker', 'acme');
  const source = 'export default async function fetchData(nango: any) {}';
  await deployScripts(caller, 'tracker', [{ name: 'tasks', source }]);
  await runSync(platform, { integration: 'tracker', connection: 'acme', name: 'tasks' });
  const { rows } = await engine.db.query<{ id: string }>('select id::text from connections');
  // Syncs of which Postgres says that Temporal has their schedules, which somebody has removed.
  const sizes = { connections: SYNCS, records: 2, runs: 1, others: 1 };
  await fillEnvironment(engine.db, { connectionRow: rows[0]?.id ?? '', model: 'Task', ...sizes });
  await engine.client.workflow.start('reconcileWorkflow', {
    workflowId: WORKFLOW,
    taskQueue: TASK_QUEUES.background,
    args: [{ thorough: true }],
  });
  const before = await untilMoreThan(1);
  await platform.stop();
  await platform.start();
  expect(await isOpen()).toBe(true);
  expect(await untilMoreThan(before + 50)).toBeLessThan(SYNCS);
}, 180_000);

/** Answers how many schedules Temporal lists, once they are more than that. */
function untilMoreThan(few: number): Promise<number> {
  return until(`schedule beyond ${few}`, async () => {
    let count = 0;
    for await (const _ of platform.engine.client.schedule.list({ pageSize: 1_000 })) count += 1;
    return count > few && count;
  });
}

async function isOpen(): Promise<boolean> {
  const { status } = await platform.engine.client.workflow.getHandle(WORKFLOW).describe();
  return status.name === 'RUNNING';
}
