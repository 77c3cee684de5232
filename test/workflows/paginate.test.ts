import { expect, test } from '@jest/globals';
import { useSimulatedSync } from '../support/simulated-sync.ts';

const sync = useSimulatedSync(`
export default async function fetchData(nango: any) {
  for await (const tasks of nango.paginate({ endpoint: '/tasks', paginate: { limit: 10 } })) {
    await nango.batchSave(tasks, 'Task');
  }
}`);

test("a run pages lists by the provider's settings, with those of the call over them", async () => {
  const { result } = await sync.run();
  expect(result).toMatchObject({ counts: { Task: { added: 25 } } });
  expect(sync.upstream.requestLog.map(({ path }) => path.replace(/cursor=[^&]+/, 'cursor=…'))).toEqual([
    '/tasks?limit=10',
    '/tasks?limit=10&cursor=…',
    '/tasks?limit=10&cursor=…',
  ]);
});
