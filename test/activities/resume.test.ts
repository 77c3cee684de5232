import { expect, test } from '@jest/globals';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream();
const durable = useDurableRuns({ proxy: () => ({ base_url: upstream.url, read_only: ['^/v1/[^/]+/search$'] }) });

/** A second attempt takes over while the call to `/…?held` of the first is under way: its worker may well be dead. */
async function takeOver(name: string, body: string) {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let isFirst = true;
  upstream.handleWith(async ({ body: sent, url }) => {
    const cursor = sent.length === 0 ? undefined : JSON.parse(sent.toString()).cursor;
    if (isFirst && (url !== '/pages' || cursor === 2)) {
      isFirst = false;
      asked.resolve();
      await released.promise;
    }
    return { json: { rows: [{ id: `${name}-${cursor ?? 1}` }], next: url === '/pages' && cursor !== 2 ? 2 : null } };
  });
  const { runs } = durable;
  const source = `export default async function fetchData(nango: any) { ${body} }`;
  const runId = await runs.allocate(await runs.deploy({ name, source, connection: name }));
  const first = runs.attempt(runId).catch((error: unknown) => error);
  await asked.promise;
  const ended = await runs.finish(runId);
  released.resolve();
  expect(await first).toMatchObject({ code: 'lease_lost' });
  return { ended, records: await runs.records(name) };
}

const SAVE = "await nango.batchSave(response.data.rows, 'Task');";

test.each([
  ['a GET', 'a-get', `const response = await nango.get({ endpoint: '/x' }); ${SAVE}`, 2],
  [
    'a search by POST through paginate',
    'paginate',
    `const paginate = { type: 'cursor', cursor_path_in_response: 'next', cursor_name_in_request: 'cursor', response_path: 'rows' };
     for await (const rows of nango.paginate({ method: 'POST', endpoint: '/pages', data: { filter: 'all' }, paginate }))
       await nango.batchSave(rows, 'Task');`,
    // The first page is there already when the second is asked for twice; it may not have been kept yet.
    { atMost: 4 },
  ],
  [
    'a GraphQL query by POST',
    'graphql-query',
    `const response = await nango.post({ endpoint: '/graphql', data: { query: 'query Tasks { tasks { id } }' } }); ${SAVE}`,
    2,
  ],
  [
    'a POST to a path the provider says only reads',
    'read-only-path',
    `const response = await nango.post({ endpoint: '/v1/tasks/search', data: { filter: 'all' } }); ${SAVE}`,
    2,
  ],
])('%s that nobody knows the outcome of is made again', async (_, name, body, requests) => {
  const { ended, records } = await takeOver(name, body);
  expect(ended).toMatchObject({ state: 'success', failure: null });
  expect(records.map(({ id }) => id)).toEqual(name === 'paginate' ? ['paginate-1', 'paginate-2'] : [`${name}-1`]);
  const most = typeof requests === 'number' ? requests : requests.atMost;
  expect(upstream.requests.length).toBeLessThanOrEqual(most);
});

test.each([
  ['a POST', 'a-post', "{ endpoint: '/x', data: {} }", 'POST /x'],
  [
    'a GraphQL mutation',
    'mutation',
    "{ endpoint: '/graphql', data: { query: 'mutation { addTask { id } }' } }",
    'POST /graphql',
  ],
  [
    'a POST beside the paths that only read',
    'beside',
    "{ endpoint: '/v1/tasks/search/save', data: {} }",
    'POST /v1/tasks/search/save',
  ],
])('%s that nobody knows the outcome of ends the run and is named', async (_, name, config, call) => {
  const { ended } = await takeOver(name, `try { await nango.post(${config}); } catch {}`);
  expect(ended.failure).toMatchObject({ code: 'call_in_doubt', message: expect.stringContaining(call) });
  expect(upstream.requests).toHaveLength(1);
});
