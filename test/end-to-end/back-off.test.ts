import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, runSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const platform = usePlatform({ NANGO_SYNC_BACK_OFF_AFTER: '2' });
const upstream = useUpstream();
const TASKS = { integration: 'tracker', connection: 'acme', name: 'tasks' };
const HOUR_MS = 3_600_000;
const source = (note: string) => `
export default async function fetchData(nango: any) {
  await nango.get({ endpoint: '/tasks', params: { note: '${note}' }, baseUrlOverride: '${upstream.url}' });
}`;
const deploy = (note: string) =>
  deployScripts(platform.caller, 'tracker', [
    { name: 'tasks', source: source(note), autoStart: true, runs: 'every 1h' },
  ]);

beforeAll(async () => {
  upstream.handleWith(() => ({ status: 200, json: {} }));
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await createConnection(platform.caller, 'tracker', 'acme');
  await deploy('first');
  await platform.event(({ event }) => event === 'run.ended');
}, 120_000);

type Status = {
  readonly status: string;
  readonly failures_in_a_row: number;
  readonly backs_off: boolean;
  readonly nextScheduledSyncAt: string;
};

async function status(): Promise<Status> {
  const path = '/sync/status?syncs=tasks&provider_config_key=tracker&connection_id=acme';
  const { syncs } = await call<{ syncs: Status[] }>(platform.caller, 'GET', path);
  if (syncs[0] === undefined) throw new Error('The sync is there');
  return syncs[0];
}

/** A tick of the schedule, now; what the workflow it starts comes to. */
async function tick(): Promise<unknown> {
  const { client } = platform.engine;
  const schedule = client.schedule.getHandle('sync:dev:tracker:acme:tasks');
  const { info } = await schedule.describe();
  await schedule.trigger();
  const { workflow } = await until('workflow of the tick', async () => {
    const now = (await schedule.describe()).info;
    const action = now.recentActions.at(-1)?.action;
    return now.numActionsTaken > info.numActionsTaken && action?.type === 'startWorkflow' && action;
  });
  return client.workflow
    .getHandle(workflow.workflowId)
    .result()
    .catch((error: Error) => error.message);
}

test('a sync that fails again and again runs less often, at once when triggered, and as before when it succeeds', async () => {
  upstream.handleWith(() => ({ status: 400, json: {} }));
  await tick();
  expect(await status()).toMatchObject({ failures_in_a_row: 1, backs_off: false });
  await tick();
  const backedOff = await status();
  expect(backedOff).toMatchObject({ status: 'ERROR', failures_in_a_row: 2, backs_off: true });
  // Every other tick: the next one is at least half an interval further than the next of the clock.
  const inMs = Date.parse(backedOff.nextScheduledSyncAt) - Date.now();
  expect(inMs).toBeGreaterThan(HOUR_MS);
  expect(inMs).toBeLessThanOrEqual(2.5 * HOUR_MS);
  expect(platform.events.filter(({ event }) => event === 'sync.backs_off')).toHaveLength(1);

  const requests = upstream.requests.length;
  expect(await tick()).toEqual({ status: 'skipped', reason: 'backing off' });
  expect(upstream.requests).toHaveLength(requests);

  const failed = await runSync(platform, TASKS);
  expect(failed.state).toBe('failed');
  expect((await status()).failures_in_a_row).toBe(3);
  expect(Date.parse((await status()).nextScheduledSyncAt) - Date.now()).toBeGreaterThan(3 * HOUR_MS);
  expect(platform.events.filter(({ event }) => event === 'sync.backs_off')).toHaveLength(1);

  upstream.handleWith(() => ({ status: 200, json: {} }));
  expect((await runSync(platform, TASKS)).state).toBe('success');
  const well = await status();
  expect(well).toMatchObject({ status: 'SUCCESS', failures_in_a_row: 0, backs_off: false });
  expect(Date.parse(well.nextScheduledSyncAt) - Date.now()).toBeLessThanOrEqual(HOUR_MS);
  expect(await tick()).toMatchObject({ status: 'finished' });
}, 120_000);

test('a new deployment of the script, and starting the sync, end the back-off', async () => {
  upstream.handleWith(() => ({ status: 400, json: {} }));
  const fail = async () => {
    for (const _ of [1, 2]) await runSync(platform, TASKS);
    expect(await status()).toMatchObject({ backs_off: true });
  };
  await fail();
  await deploy('second');
  expect(await status()).toMatchObject({ failures_in_a_row: 0, backs_off: false });
  await fail();
  const whose = { syncs: ['tasks'], provider_config_key: 'tracker', connection_id: 'acme' };
  await call(platform.caller, 'POST', '/sync/start', whose);
  expect(await status()).toMatchObject({ failures_in_a_row: 0, backs_off: false });
}, 120_000);

test('the run with which it begins says so in its log', async () => {
  const begun = await platform.event(({ event }) => event === 'sync.backs_off');
  const run = await endedRun(platform, String(begun.fields['run']));
  expect(run.logs.map(({ message }) => message).join('\n')).toContain('failed 2 times in a row');
  expect(platform.events.filter(({ event }) => event === 'webhook.postponed')).toEqual([]);
});
