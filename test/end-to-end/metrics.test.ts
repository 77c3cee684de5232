import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const platform = usePlatform();
const upstream = useUpstream();
const ACME = { integration: 'tracker', connection: 'acme' };

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await createConnection(platform.caller, 'tracker', 'acme');
  await deployScripts(platform.caller, 'tracker', [
    {
      name: 'tasks',
      source: `export default async function fetchData(nango: any) {
        await nango.batchSave([{ id: '1' }, { id: '2' }, { id: '3' }], 'Task');
        await nango.batchDelete([{ id: '2' }], 'Task');
      }`,
    },
    { name: 'broken', source: `export default async function fetchData() { throw new Error('no'); }` },
    {
      name: 'patient',
      source: `export default async function fetchData(nango: any) {
        await nango.get({ endpoint: '/later', baseUrlOverride: '${upstream.url}', retries: 3 });
      }`,
    },
    {
      name: 'echo',
      type: 'action',
      source: `export default async function run(nango: any, input: any) { return input; }`,
    },
  ]);
});

async function text(): Promise<string> {
  return (await fetch(`${platform.caller.apiUrl}/metrics`)).text();
}

/** The value of a line, or undefined while it is not there. */
async function valueOf(line: string): Promise<number | undefined> {
  const found = (await text()).split('\n').find((one) => one.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length));
}

async function untilValue(line: string, value: number): Promise<void> {
  await until(`${line} of ${value}`, async () => (await valueOf(line)) === value);
}

test('runs, records, requests and the sandbox are counted, also after the SDK was started again', async () => {
  const run = await runSync(platform, { ...ACME, name: 'tasks' });
  expect(run.counts['Task']).toEqual({ added: 3, updated: 0, deleted: 1 });
  await runSync(platform, { ...ACME, name: 'broken' });
  const headers = { 'provider-config-key': 'tracker', 'connection-id': 'acme' };
  await call(platform.caller, 'POST', '/action/trigger', { action_name: 'echo', input: 1 }, [], headers);
  const now = await text();
  for (const line of [
    'nango_runs_total{kind="sync",state="success"} 1',
    'nango_runs_total{kind="sync",state="failed"} 1',
    'nango_runs_total{kind="action",state="success"} 1',
    'nango_run_duration_seconds_count{kind="sync",state="success"} 1',
    'nango_records_written_total{change="added"} 3',
    'nango_records_written_total{change="deleted"} 1',
    'nango_http_request_duration_seconds_count{method="POST",route="/action/trigger",status="200"} 1',
    'nango_open_runs{kind="sync",state="waiting"} 0',
    'nango_task_queue_backlog{queue="nango-syncs",task="activity"} 0',
    'nango_task_queue_backlog_age_seconds{queue="nango-actions",task="workflow"} 0',
  ])
    expect(now).toContain(line);
  for (const one of [
    'nango_run_duration_seconds_sum{kind="sync",state="success"}',
    'nango_http_request_duration_seconds_sum{method="POST",route="/action/trigger",status="200"}',
  ]) {
    expect(await valueOf(one)).toBeGreaterThan(0);
    expect(await valueOf(one)).toBeLessThan(60);
  }
  expect(await valueOf('nango_sandbox_processes')).toBeGreaterThan(0);
  expect(await valueOf('nango_sandbox_resident_memory_bytes')).toBeGreaterThan(10_000_000);
  expect(await valueOf('nango_store_connections{state="idle"}')).toBeGreaterThan(0);
  expect(now).toMatch(/^temporal_workflow_task_schedule_to_start_latency_seconds_bucket\{.*task_queue="nango-syncs"/m);
  expect(now).not.toMatch(/acme|nango-actions:[0-9a-f]{8}-/);
  await platform.stop();
  await platform.start();
  await until('metric of the SDK', async () => /^temporal_/m.test(await text()));
}, 120_000);

test('a run that waits is counted among the waiting', async () => {
  upstream.handleWith(() => ({ status: 429, headers: { 'retry-after': '3600' }, json: {} }));
  await triggerSync(platform, { ...ACME, name: 'patient' });
  await untilValue('nango_open_runs{kind="sync",state="waiting"}', 1);
}, 60_000);
