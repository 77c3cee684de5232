import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const platform = usePlatform();
const upstream = useUpstream();

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await createConnection(platform.caller, 'tracker', 'acme');
  await deployScripts(platform.caller, 'tracker', [{ name: 'tasks', source: sourceFor(upstream.url) }]);
});

const SYNC = { integration: 'tracker', connection: 'acme', name: 'tasks' };
const sourceFor = (url: string) => `
export default async function fetchData(nango: any) {
  const from = await nango.getCheckpoint();
  await nango.log((nango.lastSyncDate ? 'since a run' : 'from the start') + ', page ' + (from?.page ?? 0));
  for (let page = from?.page ?? 0; page < 4; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, baseUrlOverride: '${url}' });
    await nango.batchSave(data.rows, 'Task');
    await nango.saveCheckpoint({ page: page + 1 });
  }
}`;

test('a reset cancels the run under way, and the next one begins as the first did', async () => {
  upstream.handleWith(pages('first'));
  expect((await runSync(platform, SYNC)).logs).toMatchObject([{ message: 'from the start, page 0' }]);
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  upstream.handleWith(async (request) => {
    if (request.url === '/pages/2') {
      asked.resolve();
      await released.promise;
    }
    return pages('late')(request);
  });
  await call(platform.caller, 'POST', '/sync/trigger', wish({ reset: true }));
  await asked.promise;
  const before = await triggerSync(platform, SYNC);
  upstream.handleWith(pages('again'));
  const { runs } = await call<{ runs: { run_id: string; state: string; cancelled_run_id?: string }[] }>(
    platform.caller,
    'POST',
    '/sync/trigger',
    wish({ reset: true }),
  );
  expect(runs).toMatchObject([{ state: 'started', cancelled_run_id: before }]);
  const run = await endedRun(platform, runs[0]?.run_id ?? '');
  released.resolve();
  expect(run).toMatchObject({ state: 'success', logs: [{ message: 'from the start, page 0' }] });
  expect(await endedRun(platform, before)).toMatchObject({
    state: 'cancelled',
    error: { message: 'The run was cancelled by a reset of its sync' },
  });
  const { rows } = await platform.engine.db.query<{ by: string }>(
    `select distinct payload->>'by' as by from records where deleted_at is null`,
  );
  expect(rows).toEqual([{ by: 'again' }]);
});

function wish(opts: Readonly<Record<string, boolean>>) {
  return { syncs: ['tasks'], provider_config_key: 'tracker', connection_id: 'acme', opts };
}

function pages(by: string) {
  return ({ url }: { url: string }) => ({ json: { rows: [{ id: url, by }] } });
}
