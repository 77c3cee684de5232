import { expect, test } from '@jest/globals';
import { useSimulatedSync } from '../support/simulated-sync.ts';

const DAY_MS = 86_400_000;

const sync = useSimulatedSync(`
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
}`);

test('over two days, each run asks for what changed since the start of the run before', async () => {
  const first = await sync.run();
  expect(first.lastSyncDate).toBeNull();
  expect(first.result).toMatchObject({ counts: { Task: { added: 25, updated: 0, deleted: 0 } } });

  await sync.sleep('1 day');
  sync.upstream.changeTask('task-3', { title: 'Changed after a day' });
  const second = await sync.run();
  expect(second.lastSyncDate).toEqual(first.startedAt);
  expect(second.startedAt.getTime() - first.startedAt.getTime()).toBeGreaterThanOrEqual(DAY_MS);
  expect(second.result).toMatchObject({ counts: { Task: { added: 0, updated: 1, deleted: 0 } } });

  await sync.sleep('1 day');
  sync.upstream.addTask({ title: 'Added after two days' });
  const third = await sync.run();
  expect(third.lastSyncDate).toEqual(second.startedAt);
  expect(third.result).toMatchObject({ counts: { Task: { added: 1, updated: 0, deleted: 0 } } });

  const since = sync.upstream.requestLog.map(({ path }) =>
    new URLSearchParams(path.split('?')[1]).get('updated_since'),
  );
  expect(since).toEqual([null, null, null, first.startedAt.toISOString(), second.startedAt.toISOString()]);
});
