import { expect, test } from '@jest/globals';
import type { Host } from '../../contract/host.ts';
import { connection, useOutbound } from '../support/outbound.ts';
import { useUpstream } from '../support/upstream.ts';
import { useSandbox } from './use-sandbox.ts';

type Asked = { endpoint: string; params?: Record<string, string>; data?: unknown; baseUrlOverride?: string };
type Page = { readonly body: unknown; readonly headers?: Record<string, string> };

const { outputOf } = useSandbox();
const upstream = useUpstream();
const outbound = useOutbound(() => ({ proxy: { base_url: upstream.url } }));

/** Answers from `pages` in turn; resolves to the yielded pages and what was asked. */
async function paginated(config: string, pages: readonly Page[]) {
  const asked: Asked[] = [];
  const request = async ({ config: sent }: { config: unknown }) => {
    const { endpoint, params, data, baseUrlOverride } = sent as Asked;
    asked.push(JSON.parse(JSON.stringify({ endpoint, params, data, baseUrlOverride })));
    const page = pages[asked.length - 1];
    return {
      value: { status: 200, statusText: '', headers: page?.headers ?? {} },
      body: JSON.stringify(page?.body ?? []),
    };
  };
  const body = `const pages: any[] = []; const hooks: any[] = [];
    try { for await (const page of nango.paginate(${config})) pages.push(page); } catch (e: any) { return { error: e.message }; }
    return { pages, hooks };`;
  const value = (await outputOf(body, { host: { request } })) as { pages: unknown[]; hooks: unknown[]; error?: string };
  return { ...value, asked };
}

test('cursor pages follow the cursor until it is blank, and call the hook after each page', async () => {
  const config = `{ endpoint: '/x', params: { q: 'a' }, paginate: { type: 'cursor', response_path: 'data.items', cursor_path_in_response: 'meta.next',
    cursor_name_in_request: 'after', limit: 2, limit_name_in_request: 'size', on_page: async ({ nextPageParam, response }: any) => { hooks.push([nextPageParam, response.status, pages.length]); } } }`;
  const { pages, hooks, asked } = await paginated(config, [
    { body: { data: { items: [1, 2] }, meta: { next: 'c1' } } },
    { body: { data: { items: [3] }, meta: { next: ' ' } } },
  ]);
  expect(pages).toEqual([[1, 2], [3]]);
  expect(asked.map(({ params }) => params)).toEqual([
    { q: 'a', size: '2' },
    { q: 'a', size: '2', after: 'c1' },
  ]);
  expect(hooks).toEqual([
    ['c1', 200, 1],
    [null, 200, 2],
  ]);
});

test('cursor pages stop at an empty page', async () => {
  const config =
    "{ endpoint: '/x', paginate: { type: 'cursor', response_path: 'i', cursor_path_in_response: 'n', cursor_name_in_request: 'c' } }";
  const { pages } = await paginated(config, [{ body: { i: [1], n: 5 } }, { body: { i: [], n: 6 } }]);
  expect(pages).toEqual([[1]]);
});

test('a numeric cursor counts, and in a POST it goes into the body at its dotted place', async () => {
  const config = `{ endpoint: '/s', method: 'POST', data: { filter: { a: 1 } }, paginate: { type: 'cursor', response_path: 'i', cursor_path_in_response: 'n',
    cursor_name_in_request: 'page.after', limit: 1, limit_name_in_request: 'page.size' } }`;
  const { asked } = await paginated(config, [{ body: { i: [1], n: 0 } }, { body: { i: [2] } }]);
  expect(asked.map(({ data }) => data)).toEqual([
    { filter: { a: 1 }, page: { size: 1 } },
    { filter: { a: 1 }, page: { size: 1, after: 0 } },
  ]);
});

test('link pages follow the header to another host, and yield empty pages too', async () => {
  const config =
    "{ endpoint: '/x', params: { q: 'a' }, paginate: { type: 'link', link_rel_in_response_header: 'next', limit: 3, limit_name_in_request: 'n' } }";
  const { pages, asked } = await paginated(config, [
    {
      body: [1],
      headers: { link: '<https://api.example/p?x=0>; rel="prev", <https://api.example/x?page=2&a=b,c>; rel="next"' },
    },
    { body: [], headers: { link: '<https://api.example/x?page=1>; rel=prev' } },
  ]);
  expect(pages).toEqual([[1], []]);
  expect(asked).toEqual([
    { endpoint: '/x', params: { q: 'a', n: '3' } },
    { endpoint: '/x?page=2&a=b,c', baseUrlOverride: 'https://api.example' },
  ]);
});

test('link pages stop at a link that repeats itself, and take relative links from the body', async () => {
  const config =
    "{ endpoint: '/x', paginate: { type: 'link', response_path: 'i', link_path_in_response_body: 'links.next' } }";
  const page = (i: number[]) => ({ body: { i, links: { next: '/x?p=2' } } });
  const { pages, asked } = await paginated(config, [page([1]), page([2]), page([3])]);
  expect(pages).toEqual([[1], [2]]);
  expect(asked[1]).toEqual({ endpoint: '/x?p=2' });
});

test('a bare query is a link of the first endpoint', async () => {
  const config =
    "{ endpoint: '/x?a=1', paginate: { type: 'link', response_path: 'i', link_path_in_response_body: 'next' } }";
  const { asked } = await paginated(config, [{ body: { i: [1], next: '?page=2' } }, { body: { i: [2] } }]);
  expect(asked.map(({ endpoint }) => endpoint)).toEqual(['/x?a=1', '/x?page=2']);
});

test.each([
  [
    'a cursor',
    "{ endpoint: '/x', paginate: { type: 'cursor', response_path: 'i', cursor_path_in_response: 'next', cursor_name_in_request: 'c' } }",
  ],
  ['a link', "{ endpoint: '/x', paginate: { type: 'link', response_path: 'i', link_path_in_response_body: 'next' } }"],
])('%s that leads back to an earlier page is an error, not an endless run', async (_, config) => {
  const page = (next: string) => ({ body: { i: [1], next } });
  const { error, asked } = await paginated(config, [page('/a'), page('/b'), page('/a'), page('/b')]);
  expect(error).toContain("goes in a circle: '/a' comes a second time");
  expect(asked).toHaveLength(3);
});

test('offset pages grow by the size of the page and stop at a short one', async () => {
  const config = `{ endpoint: '/x', paginate: { type: 'offset', response_path: 'i', offset_name_in_request: 'skip', limit: 2, limit_name_in_request: 'top',
    on_page: ({ nextPageParam }: any) => { hooks.push(nextPageParam); } } }`;
  const { asked, hooks } = await paginated(config, [{ body: { i: [1, 2] } }, { body: { i: [3] } }]);
  expect(asked.map(({ params }) => params)).toEqual([
    { top: '2', skip: '0' },
    { top: '2', skip: '2' },
  ]);
  expect(hooks).toEqual([0, 2]);
});

test('offset pages count pages where asked to, from their start value', async () => {
  const config =
    "{ endpoint: '/x', paginate: { type: 'offset', offset_name_in_request: 'page', offset_start_value: 1, offset_calculation_method: 'per-page' } }";
  const { asked } = await paginated(config, [{ body: [1, 2, 3] }, { body: [4, 5, 6] }, { body: [] }]);
  expect(asked.map(({ params }) => params?.['page'])).toEqual(['1', '2', '3']);
});

test.each<[string, string, Record<string, unknown>[]]>([
  [
    'a GET has its parameters in the body where that is asked for',
    'data: { a: 1 }, paginate: { in_body: true, ',
    [{ data: { a: 1, size: 1 } }, { data: { a: 1, size: 1, after: 'c1' } }],
  ],
  [
    'a POST has them in the query where that is asked for',
    "method: 'POST', data: { a: 1 }, paginate: { in_body: false, ",
    [
      { data: { a: 1 }, params: { size: '1' } },
      { data: { a: 1 }, params: { size: '1', after: 'c1' } },
    ],
  ],
])('%s', async (_, given, expected) => {
  const config = `{ endpoint: '/s', ${given} type: 'cursor', response_path: 'i', cursor_path_in_response: 'n',
    cursor_name_in_request: 'after', limit: 1, limit_name_in_request: 'size' } }`;
  const { asked } = await paginated(config, [{ body: { i: [1], n: 'c1' } }, { body: { i: [2] } }]);
  expect(asked).toEqual(expected.map((one) => ({ endpoint: '/s', ...one })));
});

/** The pages of a call that is really made. */
async function fetched(config: string): Promise<unknown> {
  const signal = new AbortController().signal;
  const request: Host['request'] = async ({ config: sent }) => {
    const { head, body } = await outbound.request(connection(), sent, { signal });
    return { value: head, body: Buffer.from(body).toString() };
  };
  const body = `const pages: any[] = []; for await (const page of nango.paginate(${config})) pages.push(page); return pages;`;
  return outputOf(body, { host: { request } });
}

test('an API that counts pages of three gives all fifteen rows, each page asked for once (U034)', async () => {
  const rows = Array.from({ length: 15 }, (_, at) => ({ id: at + 1 }));
  upstream.handleWith(({ url }) => {
    const page = Number(new URL(url, upstream.url).searchParams.get('page'));
    return { json: { rows: rows.slice((page - 1) * 3, page * 3) } };
  });
  const pages = await fetched(`{ endpoint: '/rows', paginate: { type: 'offset', response_path: 'rows',
    offset_name_in_request: 'page', offset_start_value: 1, offset_calculation_method: 'per-page' } }`);
  expect((pages as unknown[]).flat()).toEqual(rows);
  // Five with rows, and the one that finds that there are no more.
  expect(upstream.requests.map(({ url }) => url)).toEqual([1, 2, 3, 4, 5, 6].map((page) => `/rows?page=${page}`));
});

test('a search that reads where to go on from its body gives every row once (U035)', async () => {
  const rows = ['a', 'b', 'c', 'd', 'e'];
  upstream.handleWith(({ body }) => {
    const { query, pagination } = JSON.parse(body.toString());
    const from = rows.indexOf(pagination.starting_after) + 1;
    const found = query.field === 'role' ? rows.slice(from, from + pagination.per_page) : [];
    const next = from + found.length < rows.length ? { starting_after: found.at(-1) } : null;
    return { json: { data: found, pages: { next } } };
  });
  const pages =
    await fetched(`{ endpoint: '/contacts/search', method: 'POST', data: { query: { field: 'role' }, pagination: { sort: 'id' } },
    paginate: { type: 'cursor', response_path: 'data', cursor_path_in_response: 'pages.next.starting_after',
      cursor_name_in_request: 'pagination.starting_after', limit: 2, limit_name_in_request: 'pagination.per_page' } }`);
  expect(pages).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  expect(upstream.requests.map(({ body }) => JSON.parse(body.toString()).pagination)).toEqual([
    { sort: 'id', per_page: 2 },
    { sort: 'id', per_page: 2, starting_after: 'b' },
    { sort: 'id', per_page: 2, starting_after: 'd' },
  ]);
});

test('a path that is a key as a whole is that key', async () => {
  const config =
    "{ endpoint: '/x', paginate: { type: 'link', response_path: 'value', link_path_in_response_body: '@odata.nextLink' } }";
  const first = { value: [1], '@odata.nextLink': 'https://graph.example/x?$skip=1' };
  const { pages, asked } = await paginated(config, [{ body: first }, { body: { value: [2] } }]);
  expect(pages).toEqual([[1], [2]]);
  expect(asked[1]).toEqual({ endpoint: '/x?$skip=1', baseUrlOverride: 'https://graph.example' });
});

test("the provider's settings stand under those of the call, and suffice without any", async () => {
  const paginate = { type: 'offset', offset_name_in_request: 'start', response_path: 'rows', limit: 2 };
  const asked: unknown[] = [];
  const request = async ({ config }: { config: { params?: unknown } }) => {
    asked.push(config.params);
    return { value: { status: 200, statusText: '', headers: {} }, body: JSON.stringify({ rows: [1], items: [2] }) };
  };
  const body = `const pages: unknown[] = [];
    for await (const page of nango.paginate({ endpoint: '/x' })) pages.push(page);
    for await (const page of nango.paginate({ endpoint: '/x', paginate: { response_path: 'items', offset_start_value: 5 } })) pages.push(page);
    return pages;`;
  expect(await outputOf(body, { host: { request }, context: { paginate } })).toEqual([[1], [2]]);
  expect(asked).toEqual([{ start: '0' }, { start: '5' }]);
});

test.each([
  ["{ endpoint: '/x' }", /needs 'paginate'/],
  ["{ endpoint: '/x', paginate: { type: 'pages' } }", /'cursor', 'link' or 'offset' is expected/],
  ["{ endpoint: '/x', paginate: { type: 'cursor' } }", /'cursor_path_in_response' is expected/],
  ["{ endpoint: '/x', paginate: { type: 'offset' } }", /'offset_name_in_request' is expected/],
  ["{ endpoint: '/x', paginate: { type: 'link' } }", /link_rel_in_response_header or/],
])('paginate of %s names what is missing', async (config, reason) => {
  expect((await paginated(config, [])).error).toMatch(reason);
});

test('a consumer may take pages by hand and stop early', async () => {
  const body = `const pages = nango.paginate({ endpoint: '/x', paginate: { type: 'offset', response_path: 'asked.none', offset_name_in_request: 'o' } })[Symbol.asyncIterator]();
    return [await pages.next(), await pages.return()];`;
  expect(await outputOf(body)).toEqual([{ done: true }, { done: true }]);
});
