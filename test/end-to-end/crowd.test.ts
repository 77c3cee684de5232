import { beforeAll, expect, test } from '@jest/globals';
import { eachOf } from '../../bench/each-of.ts';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

/** Below what one worker takes at once by default (NANGO_SYNC_SLOTS). */
const SYNCS = 90;
const platform = usePlatform();
const upstream = useUpstream();
const names = Array.from({ length: SYNCS }, (_, at) => `member-${at}`);

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await eachOf(names, 8, (name) => createConnection(platform.caller, 'tracker', name));
  await deployScripts(platform.caller, 'tracker', [
    {
      name: 'slow',
      source: `export default async function fetchData(nango: any) {
        await nango.get({ endpoint: '/slow', baseUrlOverride: '${upstream.url}' });
      }`,
    },
    { name: 'quick', type: 'action', source: 'export default async function runAction() { return { ok: true }; }' },
  ]);
}, 120_000);

test('syncs that wait for a slow API hold back neither each other nor an action of the same process', async () => {
  const allAsked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let asked = 0;
  upstream.handleWith(async () => {
    asked += 1;
    if (asked === SYNCS) allAsked.resolve();
    await released.promise;
    return { json: {} };
  });
  const runs = await eachOf(names, 8, (connection) =>
    triggerSync(platform, { integration: 'tracker', connection, name: 'slow' }),
  );
  await allAsked.promise;
  const of = { 'provider-config-key': 'tracker', 'connection-id': 'member-0' };
  const action = { action_name: 'quick' };
  expect(await call(platform.caller, 'POST', '/action/trigger', action, [], of)).toEqual({ ok: true });
  released.resolve();
  for (const run of runs) expect((await endedRun(platform, run)).state).toBe('success');
}, 180_000);
