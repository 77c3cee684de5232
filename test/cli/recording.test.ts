import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { NangoActionMock, NangoSyncMock } from '../../author/test.ts';
import { useApi } from '../support/api.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const folders = useFolders();
const upstream = useUpstream();
let cwd = '';

const SYNC = `import { createSync } from 'nango';
import * as z from 'zod';
export default createSync({
  description: 'Tasks', frequency: 'every hour', autoStart: true,
  models: { Task: z.object({ id: z.string(), title: z.string() }) },
  exec: async (nango) => {
    const { team } = await nango.getMetadata();
    const { data } = await nango.get<any>({ endpoint: '/tasks', params: { team } });
    await nango.batchSave(data.tasks, 'Task');
    await nango.batchDelete([{ id: 'old', title: 'Gone' }], 'Task');
  },
});
`;
const ACTION = `import { createAction } from 'nango';
import * as z from 'zod';
export default createAction({
  description: 'Adds', input: z.object({ title: z.string() }), output: z.object({ id: z.string() }),
  exec: async (nango, input) => (await nango.post<any>({ endpoint: '/tasks', data: input, headers: { 'X-Version': '2' } })).data,
});
`;

const nango = (...argv: readonly string[]) =>
  runCli(argv, { cwd, env: { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key } });

function asMock(mock: object) {
  return async (member: string, ...args: unknown[]): Promise<unknown> => {
    const method = (mock as Record<string, unknown>)[member] as (...args: unknown[]) => unknown;
    return method(...args);
  };
}

beforeAll(async () => {
  cwd = await folders.create();
  await writeFiles(cwd, {
    'index.ts': "import './tracker/syncs/tasks.js';\nimport './tracker/actions/add.js';\n",
    'tracker/syncs/tasks.ts': SYNC,
    'tracker/actions/add.ts': ACTION,
  });
  await api.call('POST', '/integrations', { body: { unique_key: 'tracker', provider: 'tracker' } });
  const body = {
    provider_config_key: 'tracker',
    connection_id: 'acme',
    credentials: { type: 'API_KEY', apiKey: 'upstream-key' },
    connection_config: { baseUrl: upstream.url },
    metadata: { team: 'blue' },
  };
  await api.call('POST', '/connections', { body });
});

test('dryrun --save keeps what happened, without credentials, and nango test repeats it', async () => {
  upstream.handleWith(({ method }) => ({
    json: method === 'POST' ? { id: '7' } : { tasks: [{ id: '1', title: 'One' }] },
  }));
  const sync = await nango('dryrun', 'tasks', 'acme', '--save');
  expect(sync).toMatchObject({ code: 0, stderr: expect.stringContaining('Recorded tracker/tests/tasks.test.json') });
  expect((await nango('dryrun', 'add', 'acme', '--save', '-i', '{"title":"New"}')).code).toBe(0);
  const text = await readFile(join(cwd, 'tracker', 'tests', 'tasks.test.json'), 'utf8');
  expect(text).not.toContain('upstream-key');
  const recorded = JSON.parse(text);
  expect(recorded.nango).toEqual({
    getConnection: { connection_config: { baseUrl: upstream.url } },
    getMetadata: { team: 'blue' },
    batchSave: { Task: [{ id: '1', title: 'One' }] },
    batchDelete: { Task: [{ id: 'old', title: 'Gone' }] },
  });
  expect(recorded.api.get['/tasks'][0]).toMatchObject({
    request: { params: { team: 'blue' } },
    status: 200,
    hash: expect.stringMatching(/^[0-9a-f]{40}$/),
  });
  const tested = await nango('test');
  expect(tested).toMatchObject({ code: 0, stdout: expect.stringContaining('2 passed, 0 failed') });
}, 120_000);

test('the mocks of nango/test answer from the same recordings', async () => {
  const dirname = join(cwd, 'tracker', 'tests');
  const mock = asMock(new NangoActionMock({ dirname, name: 'add', Model: 'ActionOutput' }));
  const input = await mock('getInput');
  const answer = await mock('post', { endpoint: '/tasks', data: input, headers: { 'x-version': '2' } });
  expect([input, answer, await mock('getOutput')]).toMatchObject([
    { title: 'New' },
    { data: { id: '7' } },
    { id: '7' },
  ]);
  const sync = asMock(new NangoSyncMock({ dirname, name: 'tasks', Model: 'Task' }));
  expect(await sync('getBatchSaveData', 'Task')).toEqual([{ id: '1', title: 'One' }]);
  expect(await sync('getMetadata')).toEqual({ team: 'blue' });
  await expect(sync('get', { endpoint: '/other' })).rejects.toThrow("No recording of GET '/other'");
  expect(() => new NangoSyncMock({ dirname, name: 'none', Model: 'Task' })).toThrow('--save');
});

test('a recording holds how the provider pages, where the script leaves that to it', async () => {
  const folder = join(cwd, 'tracker', 'syncs', 'tasks.ts');
  const text = await readFile(folder, 'utf8');
  await writeFiles(cwd, {
    'tracker/syncs/tasks.ts': text.replace(
      /const \{ team \}[\s\S]*data\.tasks, 'Task'\);/,
      "for await (const page of nango.paginate<any>({ endpoint: '/pages' })) await nango.batchSave(page, 'Task');",
    ),
  });
  upstream.handleWith(({ url }) => ({
    json: url.endsWith('c')
      ? { tasks: [{ id: '2', title: 'B' }] }
      : { tasks: [{ id: '1', title: 'A' }], next_cursor: 'c' },
  }));
  expect((await nango('dryrun', 'tasks', 'acme', '--save')).code).toBe(0);
  expect(await nango('test', 'tasks')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 passed, 0 failed'),
  });
  const mock = new NangoSyncMock({ dirname: join(cwd, 'tracker', 'tests'), name: 'tasks', Model: 'Task' });
  const ids: unknown[] = [];
  const pages = mock['paginate'] as (config: object) => AsyncIterable<{ id: string }[]>;
  for await (const page of pages({ endpoint: '/pages' })) ids.push(...page.map(({ id }) => id));
  expect(ids).toEqual(['1', '2']);
  await writeFiles(cwd, { 'tracker/syncs/tasks.ts': text });
}, 120_000);

test('generate:tests writes a vitest file for each recording and keeps what is there', async () => {
  const first = await nango('generate:tests');
  expect(first.stdout.trimEnd().split('\n')).toEqual([
    'Wrote vitest.config.ts',
    'Wrote vitest.setup.ts',
    'Wrote tracker/tests/tracker-tasks.test.ts',
    'Wrote tracker/tests/tracker-add.test.ts',
    `Next, in ${cwd}: 'npm install --save-dev vitest', then 'npx vitest run'.`,
  ]);
  await mkdir(join(cwd, 'node_modules', 'vitest'), { recursive: true });
  expect((await nango('generate:tests')).stdout).toContain(`\nNext, in ${cwd}: 'npx vitest run'.\n`);
  await rm(join(cwd, 'node_modules'), { recursive: true });
  const text = await readFile(join(cwd, 'tracker', 'tests', 'tracker-add.test.ts'), 'utf8');
  expect(text).toContain("import script from '../actions/add.js';");
  expect(text).toContain('script.exec(nangoMock, input)');
  expect((await nango('generate:tests', '-a', 'add')).stdout).toContain('Kept tracker/tests/tracker-add.test.ts');
  // They are no scripts: without vitest, the project compiles as before, and mistakes in scripts are still found.
  expect(await nango('compile')).toMatchObject({ code: 0, stderr: '' });
  await writeFiles(cwd, { 'tracker/helpers/wrong.ts': 'export const wrong: number = "a";\n' });
  expect((await nango('compile')).stderr).toMatch(/^tracker\/helpers\/wrong\.ts:1:14: TS2322: .*\n$/);
  await rm(join(cwd, 'tracker', 'helpers'), { recursive: true });
});

test.each([
  [
    ['-i', 'tracker'],
    ['tracker-tasks.test.ts', 'tracker-add.test.ts'],
  ],
  [['--integration', 'other'], []],
  [['-s', 'tasks'], ['tracker-tasks.test.ts']],
  [['--sync', 'add'], []],
  [['-i', 'tracker', '--action', 'add'], ['tracker-add.test.ts']],
])('generate:tests %j is for those scripts alone', async (flags, files) => {
  const { code, stdout } = await nango('generate:tests', ...flags);
  expect(code).toBe(0);
  expect([...stdout.matchAll(/^(?:Wrote|Kept) tracker\/tests\/(.*)$/gm)].map(([, file]) => file)).toEqual(files);
  if (files.length === 0) expect(stdout).toBe("No script has a recording: 'nango dryrun … --save' makes one.\n");
});

test.each([
  ['records', ['tasks', 'acme'], { tasks: [{ id: '1' }] }, "record 0 of 'Task' does not fit its schema: title:"],
  ['output', ['add', 'acme', '-i', '{"title":"New"}'], { id: 7 }, 'output does not fit its schema: id:'],
  ['input', ['add', 'acme', '-i', '{}'], { id: '7' }, 'input does not fit its schema: title:'],
])(
  '--validate checks %s by the script’s own zod schemas',
  async (_what, argv, answer, message) => {
    upstream.handleWith(() => ({ json: answer }));
    const validated = await nango('dryrun', ...argv, '--validate');
    expect(validated).toMatchObject({ code: 12, stderr: expect.stringContaining(message) });
    expect((await nango('dryrun', ...argv)).code).toBe(0);
  },
  120_000,
);
