import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { type RunJson, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const platform = usePlatform();
const upstream = useUpstream(({ url }) =>
  url === '/limited' ? { status: 429, headers: { 'retry-after': '3600' } } : { json: { rows: [{ id: '1' }] } },
);

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
});

test('a run that waits says until when and why: in its row, its status, its log and its workflow; no activity waits (U042)', async () => {
  const source = `
export default async function fetchData(nango: any) {
  const ask = (endpoint: string) => nango.get({ endpoint, baseUrlOverride: '${upstream.url}', retries: 3 });
  await nango.batchSave((await ask('/rows')).data.rows, 'Task');
  await nango.log('one page');
  await ask('/limited');
}`;
  await createConnection(platform.caller, 'tracker', 'acme');
  await deployScripts(platform.caller, 'tracker', [{ name: 'limited', source }]);
  const runId = await triggerSync(platform, { integration: 'tracker', connection: 'acme', name: 'limited' });
  await platform.event(({ event, fields }) => event === 'run.waiting' && fields['run'] === runId);
  const run = await call<RunJson>(platform.caller, 'GET', `/runs/${runId}`);
  expect(run).toMatchObject({
    state: 'waiting',
    wait_reason: expect.stringMatching(/^GET \/limited was answered with 429/),
    attempts: 1,
    generation: 0,
    counts: { Task: { added: 1 } },
  });
  const resumeAt = run.resume_at ?? '';
  expect(Date.parse(resumeAt) - Date.now()).toBeGreaterThan(3_000_000);
  expect(run.logs.map(({ message }) => message)).toEqual([
    'one page',
    `The run waits until ${resumeAt}: ${run.wait_reason}`,
  ]);
  const { syncs } = await call<{ syncs: unknown[] }>(
    platform.caller,
    'GET',
    '/sync/status?syncs=limited&provider_config_key=tracker',
  );
  expect(syncs).toMatchObject([{ status: 'WAITING', resumeAt, waitReason: run.wait_reason }]);
  await untilDetails(
    run.workflow_id,
    `Waiting until ${resumeAt}: ${run.wait_reason}\nSo far 2 calls\nTask: 1 added, 0 updated, 0 deleted`,
  );
  await untilNothingIsHeld(run.workflow_id);
});

/** Resolves once the run has no activity, which would take a worker's slot, and no statement or transaction is open. */
async function untilNothingIsHeld(workflowId: string): Promise<void> {
  const { client, db } = platform.engine;
  await until('moment at which nothing is held', async () => {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    const { rows } = await db.query<{ busy: number }>(
      `select count(*)::int as busy from pg_stat_activity
       where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
         and state <> 'idle'`,
    );
    return (raw.pendingActivities ?? []).length === 0 && rows[0]?.busy === 0;
  });
}

/** Resolves once the Temporal Web UI would show these details; the workflow hears of the wait after the row does. */
async function untilDetails(workflowId: string, wanted: string): Promise<void> {
  const handle = platform.engine.client.workflow.getHandle(workflowId);
  await until(`'${wanted}' among the details`, async () => {
    const { currentDetails } = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    return currentDetails === wanted;
  });
}
