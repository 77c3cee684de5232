import { expect, test } from '@jest/globals';
import { useExampleUpstream } from '../support/example-upstream.ts';
import { type SimulatedSync, useSimulatedSync } from '../support/simulated-sync.ts';

const DAY_MS = 86_400_000;

// The upstream lives on the sync's clock, and the sync's provider has the upstream's address.
const example = useExampleUpstream(() => sync.now());
const sync: SimulatedSync = useSimulatedSync({
  proxy: () => ({ base_url: example.upstream.url, headers: { authorization: `Bearer \${apiKey}` } }),
  source: () => SOURCE,
});

const SOURCE = `
export default async function fetchData(nango: any) {
  const since = nango.lastSyncDate;
  let cursor: string | null = null;
  do {
    const { data }: any = await nango.get({
      endpoint: '/tasks',
      params: { limit: 10, ...(cursor && { cursor }), ...(since && { updated_since: since.toISOString() }) },
    });
    await nango.batchSave(data.tasks, 'Task');
    cursor = data.next_cursor;
  } while (cursor);
}`;

test('over two days, each run asks for what changed since the start of the run before', async () => {
  const first = await sync.run();
  expect(first.lastSyncDate).toBeNull();
  expect(first.result).toMatchObject({ counts: { Task: { added: 25, updated: 0, deleted: 0 } } });

  await sync.sleep('1 day');
  example.upstream.changeTask('task-3', { title: 'Changed after a day' });
  const second = await sync.run();
  expect(second.lastSyncDate).toEqual(first.startedAt);
  expect(second.startedAt.getTime() - first.startedAt.getTime()).toBeGreaterThanOrEqual(DAY_MS);
  expect(second.result).toMatchObject({ counts: { Task: { added: 0, updated: 1, deleted: 0 } } });

  await sync.sleep('1 day');
  example.upstream.addTask({ title: 'Added after two days' });
  const third = await sync.run();
  expect(third.lastSyncDate).toEqual(second.startedAt);
  expect(third.result).toMatchObject({ counts: { Task: { added: 1, updated: 0, deleted: 0 } } });

  const since = example.upstream.requestLog.map(({ path }) =>
    new URLSearchParams(path.split('?')[1]).get('updated_since'),
  );
  expect(since).toEqual([null, null, null, first.startedAt.toISOString(), second.startedAt.toISOString()]);
});
