import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, runSync, usePlatform } from '../support/platform.ts';

const platform = usePlatform();
const SOURCE = `
export default async function fetchData(nango: any) {
  await nango.batchSave([{ id: nango.variant, variant: nango.variant }], 'Task');
}`;
const whose = { provider_config_key: 'tracker', connection_id: 'acme' };

type Status = { syncs: { variant: string; frequency: string; nextScheduledSyncAt: string | null }[] };

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await createConnection(platform.caller, 'tracker', 'acme');
  await deployScripts(platform.caller, 'tracker', [
    { name: 'tasks', source: SOURCE, autoStart: true },
    { name: 'daily', source: SOURCE, autoStart: true, runs: 'every day at 06:00 Europe/Berlin' },
  ]);
}, 120_000);

async function nextOf(name: string): Promise<{ frequency: string; next: Date }> {
  const query = `syncs=${name}&provider_config_key=tracker&connection_id=acme`;
  const { syncs } = await call<Status>(platform.caller, 'GET', `/sync/status?${query}`);
  return { frequency: syncs[0]?.frequency ?? '', next: new Date(syncs[0]?.nextScheduledSyncAt ?? 0) };
}

test('a sync at a fixed time runs next at that time of the zone', async () => {
  const { frequency, next } = await nextOf('daily');
  expect(frequency).toBe('every day at 06:00 Europe/Berlin');
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', timeStyle: 'medium' });
  expect(clock.format(next)).toBe('06:00:00');
  expect(next.getTime() - Date.now()).toBeLessThanOrEqual(25 * 3_600_000);
  expect(next.getTime()).toBeGreaterThan(Date.now());
});

test('a connection has its own frequency, which a deployment keeps, until it is set back', async () => {
  const set = (frequency: string | null) =>
    call(platform.caller, 'PUT', '/sync/update-connection-frequency', { ...whose, sync_name: 'tasks', frequency });
  expect(await set('every 45 sec')).toEqual({ frequency: 'every 45 sec' });
  expect((await nextOf('tasks')).next.getTime() - Date.now()).toBeLessThanOrEqual(45_000);
  await deployScripts(platform.caller, 'tracker', [
    { name: 'tasks', source: `${SOURCE} // changed`, autoStart: true, runs: 'every 2h' },
  ]);
  expect((await nextOf('tasks')).frequency).toBe('every 45 sec');
  expect(await set(null)).toEqual({ frequency: 'every 2h' });
});

test('a variant runs the same code with its own name, schedule and records, and goes alone', async () => {
  const variant = '/sync/tasks/variant/blue';
  const { run_id } = await call<{ run_id: string }>(platform.caller, 'POST', variant, whose);
  expect((await endedRun(platform, run_id)).state).toBe('success');
  await runSync(platform, { integration: 'tracker', connection: 'acme', name: 'tasks' });
  const ids = async (query: string) => {
    const headers = { 'provider-config-key': 'tracker', 'connection-id': 'acme' };
    const path = `/records?model=Task${query}`;
    const { records } = await call<{ records: { id: string }[] }>(platform.caller, 'GET', path, undefined, [], headers);
    return records.map(({ id }) => id);
  };
  expect([await ids('&variant=blue'), await ids('')]).toEqual([['blue'], ['base']]);
  expect(await call(platform.caller, 'POST', variant, whose, [400])).toMatchObject({
    error: { code: 'sync_variant_already_exists' },
  });
  await call(platform.caller, 'DELETE', variant, whose);
  const { syncs } = await call<Status>(platform.caller, 'GET', '/sync/status?syncs=tasks&provider_config_key=tracker');
  expect(syncs.map(({ variant: name }) => name)).toEqual(['base']);
});
