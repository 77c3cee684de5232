import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { differences } from '../../cli/recorded/difference.ts';
import { hashOf, identityOf } from '../../cli/recorded/identity.ts';
import { readUnified } from '../../cli/recorded/unified.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();
let cwd = '';

const json = (value: unknown) => JSON.stringify(value);
const sha1 = (text: string) => createHash('sha1').update(text).digest('hex');

const TASKS = `import { createSync } from 'nango';
import * as z from 'zod';
export default createSync({
  description: 'Tasks', frequency: 'every hour', autoStart: true,
  models: { Task: z.object({ id: z.string(), title: z.string(), at: z.string() }) },
  exec: async (nango) => {
    const { team } = await nango.getMetadata();
    for await (const page of nango.paginate<any>({ endpoint: '/v1/tasks', params: { team }, retries: 3,
      paginate: { type: 'cursor', cursor_path_in_response: 'next', cursor_name_in_request: 'cursor', response_path: 'tasks' } })) {
      await nango.batchSave(page.map((task) => ({ ...task, at: new Date().toISOString().slice(0, 10) })), 'Task');
    }
    await nango.batchDelete([{ id: 'gone' }], 'Task');
    await nango.log('done');
  },
});
`;
const ADD = `import { createAction } from 'nango';
import * as z from 'zod';
export default createAction({
  description: 'Adds', input: z.object({ title: z.string().min(3) }), output: z.object({ id: z.string() }),
  exec: async (nango, input) => {
    await nango.zodValidateInput({ zodSchema: z.object({ title: z.string().min(3) }), input });
    const found = await nango.get({ endpoint: 'v1/search', params: { q: input.title } });
    if (found.status === 404) {
      const { data } = await nango.post<any>({ endpoint: '/v1/tasks', data: { title: input.title }, retries: 2 });
      return { id: data.id, extra: undefined };
    }
    return { id: 'found' };
  },
});
`;
const page = (params: object, response: unknown) => ({
  request: { params, headers: {} },
  response,
  status: 200,
  headers: { date: 'Mon, 01 Jun 2026 10:00:00 GMT' },
});
const RECORDED_TASKS = {
  nango: {
    getMetadata: { team: 'blue' },
    batchSave: {
      Task: [
        { id: '1', title: 'One', at: '2026-06-01' },
        { id: '2', title: 'Two', at: '2026-06-01' },
      ],
    },
    batchDelete: { Task: [{ id: 'gone' }] },
  },
  api: {
    get: {
      '/v1/tasks': [
        page({ team: 'blue' }, { tasks: [{ id: '1', title: 'One' }], next: 'c2' }),
        page({ team: 'blue', cursor: 'c2' }, { tasks: [{ id: '2', title: 'Two' }], next: null }),
      ],
    },
  },
};
const RECORDED_ADD = {
  input: { title: 'ab' },
  output: { id: '7' },
  api: {
    get: { '/v1/search': { request: { params: { q: 'ab' } }, response: { error: 'none' }, status: 404, headers: {} } },
    post: { '/v1/tasks': { request: { data: { title: 'ab' } }, response: { id: '7' }, status: 201, headers: {} } },
  },
};

beforeAll(async () => {
  cwd = await folders.create();
  await writeFiles(cwd, {
    'index.ts':
      "import './tracker/syncs/tasks.js';\nimport './tracker/actions/add.js';\nimport './tracker/actions/untested.js';\n",
    'tracker/syncs/tasks.ts': TASKS,
    'tracker/actions/add.ts': ADD,
    'tracker/actions/untested.ts': ADD,
    'tracker/tests/tasks.test.json': json(RECORDED_TASKS),
    'tracker/tests/tracker-add.test.json': json(RECORDED_ADD),
  });
});

test('scripts run on their recordings, and those without one are left out', async () => {
  const { code, stdout, stderr } = await runCli(['test', '--clock', 'recorded'], { cwd });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^pass tracker\/tasks \(.* ms\)$/m);
  expect(stdout).toMatch(/^pass tracker\/add \(.* ms\)$/m);
  expect(stdout).toMatch(/\n2 passed, 0 failed in \d+\.\d s\n$/);
});

test('--json prints one line a script with all it did', async () => {
  const { stdout } = await runCli(['test', 'tracker/actions', '--json'], { cwd });
  expect(JSON.parse(stdout)).toEqual({
    integration: 'tracker',
    script: 'add',
    form: 'unified',
    verdict: 'pass',
    reason: null,
    diff: [],
    calls: 2,
    ms: expect.any(Number),
    saved: {},
    deleted: {},
    output: { id: '7' },
  });
});

test('a sync that reads, tracks and saves no record at all is held to its recording as well', async () => {
  const other = await folders.create();
  const script = `import { createSync } from 'nango';
import * as z from 'zod';
const Task = z.object({ id: z.string() });
export default createSync({
  description: 'Tasks', frequency: 'every hour', autoStart: true, models: { Task },
  exec: async (nango) => {
    await nango.trackDeletesStart('Task');
    for await (const row of nango.listRecords('Task')) throw new Error(String(row));
    await nango.batchSave([], 'Task');
    const { deletedKeys } = await nango.trackDeletesEnd('Task');
    await nango.log(deletedKeys.length);
  },
});
`;
  await writeFiles(other, {
    'index.ts': "import './tracker/syncs/quiet.js';\n",
    'tracker/syncs/quiet.ts': script,
    'tracker/tests/quiet.test.json': json({ nango: {}, api: {} }),
  });
  const { stdout } = await runCli(['test', '--json'], { cwd: other });
  expect(JSON.parse(stdout)).toMatchObject({ verdict: 'pass', reason: null, saved: {}, deleted: {} });
});

test('what differs is shown by its place, and the exit code is 1', async () => {
  const other = await folders.create();
  await writeFiles(other, {
    'index.ts': "import './tracker/syncs/tasks.js';\n",
    'tracker/syncs/tasks.ts': TASKS.replace('...task, at:', "...task, title: task.title + '!', at:"),
    'tracker/tests/tasks.test.json': json(RECORDED_TASKS),
  });
  const { code, stdout, stderr } = await runCli(['test', '--clock', 'recorded'], { cwd: other });
  expect({ code, stderr }).toEqual({ code: 1, stderr: '1 script did not do what was recorded.\n' });
  expect(stdout).toMatch(/^fail tracker\/tasks\n {4}saved\.Task\[0\]\.title: expected "One", got "One!"\n/);
});

test('a call that was never recorded is named with its parameters', async () => {
  const other = await folders.create();
  await writeFiles(other, {
    'index.ts': "import './tracker/actions/add.js';\n",
    'tracker/actions/add.ts': ADD.replace('{ q: input.title }', "{ q: 'else' }"),
    'tracker/tests/add.test.json': json(RECORDED_ADD),
  });
  const { code, stdout } = await runCli(['test'], { cwd: other });
  expect(code).toBe(1);
  expect(stdout).toContain(`No recording of GET 'v1/search' {"params":{"q":"else"}}`);
});

test('overrides supply what a recording lacks', async () => {
  const other = await folders.create();
  const { getMetadata: _, ...nango } = RECORDED_TASKS.nango;
  await writeFiles(other, {
    'index.ts': "import './tracker/syncs/tasks.js';\n",
    'tracker/syncs/tasks.ts': TASKS,
    'tracker/tests/tasks.test.json': json({ ...RECORDED_TASKS, nango }),
    'overrides.json': json({ 'tracker/syncs/tasks': { getMetadata: { team: 'blue' }, clock: '2026-06-01T09:00:00Z' } }),
  });
  expect((await runCli(['test', '--overrides', 'overrides.json'], { cwd: other })).code).toBe(0);
  await writeFile(join(other, 'overrides.json'), json({ 'tracker/syncs/tasks': { getMetadta: {} } }));
  const wrong = await runCli(['test', '--overrides', 'overrides.json'], { cwd: other });
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("overrides.json: 'tracker/syncs/tasks'") });
});

test('killed at a call or refused at first, scripts come to the same verdicts', async () => {
  for (const flags of [
    ['--chaos', '1'],
    ['--chaos', '2'],
    ['--chaos', '3', '--inject', '429,503'],
  ]) {
    const { code, stdout } = await runCli(['test', '--clock', 'recorded', '--json', ...flags], { cwd });
    const verdicts = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).verdict);
    expect({ flags, code, verdicts }).toEqual({ flags, code: 0, verdicts: ['pass', 'pass'] });
  }
}, 120_000);

test('the old form: one file a call, flat ones taken for any parameters and for single pages', async () => {
  const other = await folders.create();
  const identity = { method: 'get', endpoint: 'v1/search', params: [['q', 'ab']], headers: [] };
  await writeFiles(other, {
    'nango.yaml': `integrations:\n  tracker:\n    syncs:\n      tasks: { runs: every hour, output: Task }\n    actions:\n      add: { output: Task }\nmodels:\n  Task: { id: string }\n`,
    'tracker/syncs/tasks.ts': `export default async function fetchData(nango: any) {
  for await (const page of nango.paginate({ endpoint: 'v1/tasks', paginate: { type: 'offset', offset_name_in_request: 'o', response_path: 'tasks', limit: 1 } })) await nango.batchSave(page, 'Task');
}\n`,
    'tracker/actions/add.ts': `export default async function runAction(nango: any, input: any) {
  const { data } = await nango.get({ endpoint: '/v1/search', params: { q: input.q } });
  return data;
}\n`,
    'tracker/mocks/nango/get/proxy/v1/tasks/tasks.json': json({ tasks: [{ id: '1' }] }),
    'tracker/mocks/tasks/Task/batchSave.json': json([{ id: '1' }]),
    'tracker/mocks/tasks/Task/batchDelete.json': json([]),
    'tracker/mocks/add/input.json': json({ q: 'ab' }),
    'tracker/mocks/add/output.json': json({ id: '7' }),
    [`tracker/mocks/nango/get/proxy/v1/search/add/${sha1(json(identity))}.json`]: json({
      response: { id: '7' },
      status: 200,
      headers: {},
    }),
    'tracker/mocks/nango/get/proxy/v1/search/add/0000.json': json({
      requestIdentity: { params: [['q', 'zz']], headers: [] },
      response: { id: 'wrong' },
    }),
  });
  const { stdout } = await runCli(['test', '--json'], { cwd: other });
  const results = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(
    results
      .map(({ script, form, verdict, reason }) => ({ script, form, verdict, reason }))
      .sort((a, b) => (a.script < b.script ? -1 : 1)),
  ).toEqual([
    { script: 'add', form: 'old', verdict: 'pass', reason: null },
    { script: 'tasks', form: 'old', verdict: 'pass', reason: null },
  ]);
});

test('an identity leaves out what differs from machine to machine', () => {
  const identity = identityOf({
    method: 'POST',
    endpoint: '/proxy/v1/a?z=1',
    params: { list: [1, 2], none: undefined, b: true },
    headers: { 'Nango-Proxy-X-A': '1', Authorization: 's', 'Content-Type': 'application/json', Retries: '3' },
    data: { a: 1 },
  });
  expect(identity).toEqual({
    method: 'post',
    endpoint: 'v1/a',
    params: [
      ['b', 'true'],
      ['list', '1,2'],
      ['z', '1'],
    ],
    headers: [['x-a', '1']],
    data: '{"a":1}',
  });
  const text =
    '{"method":"post","endpoint":"v1/a","params":[["b","true"],["list","1,2"],["z","1"]],"headers":[["x-a","1"]],"data":"{\\"a\\":1}"}';
  expect(hashOf(identity)).toBe(sha1(text));
  expect(identityOf({ endpoint: 'x', data: 'y'.repeat(1001) }).data).toBe(`sha1:${sha1('y'.repeat(1001))}`);
});

test('entries match by hash, then by request, then alone and only without parameters', () => {
  const answer = (entries: unknown, call: object) =>
    readUnified('f', json({ api: { get: { '/a': entries } } })).answer({ endpoint: '/a', ...call })?.response;
  const hash = hashOf(identityOf({ method: 'get', endpoint: '/a', params: { p: '1' } }));
  expect(
    answer(
      [
        { response: 0, request: { params: { p: '2' } } },
        { response: 1, hash, request: { params: { p: '9' } } },
      ],
      { params: { p: 1 } },
    ),
  ).toBe(1);
  expect(
    answer([{ response: 0, request: { params: { p: 2 }, headers: { 'X-V': '1' } } }], {
      params: { p: '2' },
      headers: { 'x-v': 1 },
    }),
  ).toBe(0);
  expect(answer({ response: 0 }, {})).toBe(0);
  expect(answer({ response: 0 }, { params: { p: 1 } })).toBeUndefined();
  expect(answer([{ response: 0, request: { data: { a: 1 } } }], { data: { a: 2 } })).toBeUndefined();
});

test('differences name places and stop after twenty', () => {
  expect(differences({ a: [1, { b: 2 }], c: 1 }, { a: [1, { b: 3 }], 'x y': 1 }, 'o')).toEqual([
    'o.a[1].b: expected 2, got 3',
    'o.c: expected 1, got nothing',
    'o["x y"]: expected nothing, got 1',
  ]);
  const many = Array.from({ length: 30 }, (_, index) => index);
  expect(
    differences(
      many,
      many.map((value) => value + 1),
      'o',
    ),
  ).toHaveLength(21);
});
