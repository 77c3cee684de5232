import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { NangoSyncMock } from '../../author/test.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();

test("a recorded script reads pages by its provider's own settings", async () => {
  const folder = await folders.create();
  await writeFiles(folder, {
    'nango.yaml': `integrations:\n  bitbucket:\n    syncs:\n      repos: { runs: every hour, output: Repo, endpoint: GET /repos }\nmodels:\n  Repo: { id: string }\n`,
    'bitbucket/syncs/repos.ts': `export default async function fetchData(nango: any) {
  for await (const page of nango.paginate({ endpoint: '/2.0/repositories' })) await nango.batchSave(page, 'Repo');
}\n`,
    'bitbucket/tests/repos.test.json': JSON.stringify({
      nango: { batchSave: { Repo: [{ id: '1' }] } },
      api: {
        get: { '/2.0/repositories': [{ request: {}, response: { values: [{ id: '1' }] }, status: 200, headers: {} }] },
      },
    }),
  });
  const { stdout, code } = await runCli(['test', '--json'], { cwd: folder });
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, verdict: 'pass', reason: null });
});

type Recorded = Readonly<Record<string, unknown>>;
type OldCase = {
  readonly paginate: Recorded;
  /** By path below `mocks/nango/get/proxy`. */
  readonly mocks: Readonly<Record<string, unknown>>;
  /** The ids of each page that a script is given. */
  readonly pages: readonly (readonly string[])[];
};

const rows = (...ids: readonly string[]) => ids.map((id) => ({ id }));
const page = (params: readonly (readonly [string, string])[], response: unknown, headers: Recorded = {}) => ({
  requestIdentity: { params, headers: [] },
  response,
  status: 200,
  headers,
});
const OFFSET = { type: 'offset', offset_name_in_request: 'skip', limit: 1, response_path: 'tasks' };
const CURSOR = {
  type: 'cursor',
  cursor_path_in_response: 'next',
  cursor_name_in_request: 'after',
  response_path: 'tasks',
};
const DOTTED = { ...CURSOR, cursor_path_in_response: 'meta.next', response_path: 'data.items' };
const HEADER_LINK = { type: 'link', link_rel_in_response_header: 'next' };
const BODY_LINK = { type: 'link', link_path_in_response_body: 'links.next', response_path: 'tasks' };

/** What the old form's own tests read of a list, by the name of an integration. */
const OLD_CASES: Readonly<Record<string, OldCase>> = {
  'bare-list': { paginate: OFFSET, mocks: { 'list/tasks.json': rows('1', '2') }, pages: [['1', '2']] },
  'bare-list-without-path': {
    paginate: { ...CURSOR, response_path: undefined },
    mocks: { 'list/tasks.json': rows('1') },
    pages: [['1']],
  },
  'bare-list-at-dots': { paginate: DOTTED, mocks: { 'list/tasks.json': rows('1') }, pages: [['1']] },
  'every-list-where-no-path-is-named': {
    paginate: { ...OFFSET, response_path: undefined },
    mocks: { 'list/tasks.json': { total: 3, tasks: rows('1', '2'), page: { number: 1 }, archived: rows('3') } },
    pages: [['1', '2', '3']],
  },
  'list-at-its-path': {
    paginate: OFFSET,
    mocks: { 'list/tasks.json': { other: rows('9'), tasks: rows('1') } },
    pages: [['1']],
  },
  'list-at-dots': { paginate: DOTTED, mocks: { 'list/tasks.json': { data: { items: rows('1') } } }, pages: [['1']] },
  'once-whatever-its-cursor': {
    paginate: CURSOR,
    mocks: { 'list/tasks.json': { tasks: rows('1'), next: 'more' } },
    pages: [['1']],
  },
  'once-whatever-its-link': {
    paginate: BODY_LINK,
    mocks: { 'list/tasks.json': { tasks: rows('1'), links: { next: '/list?page=2' } } },
    pages: [['1'], []],
  },
  'link-header-absent': { paginate: HEADER_LINK, mocks: { 'list/tasks/1.json': page([], rows('1')) }, pages: [['1']] },
  'link-header-empty': {
    paginate: HEADER_LINK,
    mocks: { 'list/tasks/1.json': page([], rows('1'), { link: '' }) },
    pages: [['1']],
  },
  'link-absent': {
    paginate: BODY_LINK,
    mocks: { 'list/tasks/1.json': page([], { tasks: rows('1') }) },
    pages: [['1']],
  },
  'link-empty': {
    paginate: BODY_LINK,
    mocks: { 'list/tasks/1.json': page([], { tasks: rows('1'), links: { next: '' } }) },
    pages: [['1']],
  },
  'links-followed': {
    paginate: HEADER_LINK,
    mocks: {
      'list/tasks/1.json': page([], rows('1'), { link: '<https://api.example/second>; rel="next"' }),
      'second/tasks/1.json': page([], rows('2'), { link: '<https://api.example/list>; rel="first"' }),
    },
    pages: [['1'], ['2']],
  },
  'empty-page-behind-which-none-was-recorded': {
    paginate: BODY_LINK,
    mocks: {
      'list/tasks/1.json': page([], { tasks: rows('1'), links: { next: '/second' } }),
      'second/tasks/1.json': page([], { tasks: [], links: { next: '/third' } }),
    },
    pages: [['1'], [], []],
  },
  'keys-with-dots': {
    paginate: DOTTED,
    mocks: {
      'list/tasks/1.json': page([], { 'data.items': rows('1'), 'meta.next': 'c2' }),
      'list/tasks/2.json': page([['after', 'c2']], { 'data.items': rows('2') }),
    },
    pages: [['1'], ['2']],
  },
  'dotted-paths': {
    paginate: DOTTED,
    mocks: {
      'list/tasks/1.json': page([], { data: { items: rows('1') }, meta: { next: 'c2' } }),
      'list/tasks/2.json': page([['after', 'c2']], { data: { items: rows('2') }, meta: {} }),
    },
    pages: [['1'], ['2']],
  },
  'cursor-that-was-not-followed': {
    paginate: { ...DOTTED, response_path: 'tasks' },
    mocks: { 'list/tasks/1.json': page([], { tasks: rows('1'), meta: { next: 'c2' } }) },
    pages: [['1']],
  },
};

/** A `nango.yaml` with a sync `tasks` in each of these integrations. */
function tasksOf(integrations: readonly string[]): string {
  const each = integrations.map((name) => `  ${name}:\n    syncs:\n      tasks: { runs: every hour, output: Task }\n`);
  return `integrations:\n${each.join('')}models:\n  Task: { id: string }\n`;
}

describe('a list in the old form is read', () => {
  let folder = '';
  const verdicts = new Map<string, unknown>();

  beforeAll(async () => {
    folder = await folders.create();
    await writeFiles(folder, {
      'nango.yaml': tasksOf(Object.keys(OLD_CASES)),
      ...Object.fromEntries(Object.entries(OLD_CASES).flatMap(([name, one]) => oldFiles(name, one))),
    });
    const { stdout } = await runCli(['test', '--json'], { cwd: folder });
    for (const line of stdout.trimEnd().split('\n')) {
      const { integration, form, verdict, reason, diff } = JSON.parse(line);
      verdicts.set(integration, { form, verdict, reason, diff });
    }
  }, 120_000);

  test.each(Object.entries(OLD_CASES))('by `nango test` and NangoSyncMock: %s', async (name, { paginate, pages }) => {
    expect(verdicts.get(name)).toEqual({ form: 'old', verdict: 'pass', reason: null, diff: [] });
    const mock = new NangoSyncMock({ dirname: join(folder, name, 'tests'), name: 'tasks', Model: 'Task' });
    const list = mock['paginate'] as (config: object) => AsyncIterable<{ id: string }[]>;
    const read: string[][] = [];
    for await (const page of list({ endpoint: '/list', paginate })) read.push(page.map(({ id }) => id));
    expect(read).toEqual(pages);
  });
});

function oldFiles(name: string, { paginate, mocks, pages }: OldCase): (readonly [string, string])[] {
  const source = `export default async function fetchData(nango: any) {
  for await (const page of nango.paginate(${JSON.stringify({ endpoint: '/list', paginate })})) await nango.batchSave(page, 'Task');
}\n`;
  return [
    [`${name}/syncs/tasks.ts`, source],
    [`${name}/mocks/tasks/Task/batchSave.json`, JSON.stringify(rows(...pages.flat()))],
    ...Object.entries(mocks).map(([path, body]) => {
      return [`${name}/mocks/nango/get/proxy/${path}`, JSON.stringify(body)] as const;
    }),
  ];
}

test('a list that is recorded without headers is read by each script that asks, as often as it begins to', async () => {
  const folder = await folders.create();
  await writeFiles(folder, {
    'nango.yaml': tasksOf(['twice']),
    'twice/syncs/tasks.ts': `export default async function fetchData(nango: any) {
  for (const team of ['a', 'b'])
    for await (const page of nango.paginate({ endpoint: '/list', params: { team }, paginate: ${JSON.stringify(OFFSET)} }))
      await nango.batchSave(page.map(({ id }: { id: string }) => ({ id: team + id })), 'Task');
}\n`,
    'twice/mocks/tasks/Task/batchSave.json': JSON.stringify(rows('a1', 'b1')),
    'twice/mocks/nango/get/proxy/list/tasks.json': JSON.stringify({ tasks: rows('1') }),
  });
  const { stdout } = await runCli(['test', '--json'], { cwd: folder });
  expect(JSON.parse(stdout)).toMatchObject({ verdict: 'pass', reason: null, diff: [] });
});

test('a page of the unified form that was not recorded is missing, behind one that has headers', async () => {
  const folder = await folders.create();
  const source = `export default async function fetchData(nango: any) {
  for await (const page of nango.paginate({ endpoint: '/list', paginate: ${JSON.stringify(CURSOR)} })) await nango.batchSave(page, 'Task');
}\n`;
  const recorded = (headers: object) =>
    JSON.stringify({
      nango: { batchSave: { Task: rows('1') } },
      api: { get: { '/list': [{ request: {}, response: { tasks: rows('1'), next: 'c2' }, status: 200, ...headers }] } },
    });
  await writeFiles(folder, {
    'nango.yaml': tasksOf(['with', 'without']),
    'with/syncs/tasks.ts': source,
    'without/syncs/tasks.ts': source,
    'with/tests/tasks.test.json': recorded({ headers: {} }),
    'without/tests/tasks.test.json': recorded({}),
  });
  const { stdout } = await runCli(['test', '--json'], { cwd: folder });
  const results = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { integration: string });
  expect(results.sort((a, b) => (a.integration < b.integration ? -1 : 1))).toMatchObject([
    { integration: 'with', verdict: 'error', reason: expect.stringContaining("No recording of GET '/list'") },
    { integration: 'without', verdict: 'pass' },
  ]);
});
