import { expect, test } from '@jest/globals';
import { useExampleUpstream } from '../support/example-upstream.ts';
import { type SimulatedSync, useSimulatedSync } from '../support/simulated-sync.ts';

const example = useExampleUpstream(() => sync.now());
const sync: SimulatedSync = useSimulatedSync({
  proxy: () => ({
    base_url: example.upstream.url,
    headers: { authorization: `Bearer \${apiKey}` },
    paginate: {
      type: 'cursor',
      cursor_path_in_response: 'next_cursor',
      cursor_name_in_request: 'cursor',
      limit_name_in_request: 'limit',
      response_path: 'tasks',
    },
  }),
  source: () => `
export default async function fetchData(nango: any) {
  for await (const tasks of nango.paginate({ endpoint: '/tasks', paginate: { limit: 10 } })) {
    await nango.batchSave(tasks, 'Task');
  }
}`,
});

test("a run pages lists by the provider's settings, with those of the call over them", async () => {
  const { result } = await sync.run();
  expect(result).toMatchObject({ counts: { Task: { added: 25 } } });
  // A page may be asked for twice where the machine is so busy that the run begins a second attempt.
  const asked = [...new Set(example.upstream.requestLog.map(({ path }) => path))];
  expect(asked.map((path) => path.replace(/cursor=[^&]+/, 'cursor=…'))).toEqual([
    '/tasks?limit=10',
    '/tasks?limit=10&cursor=…',
    '/tasks?limit=10&cursor=…',
  ]);
});
