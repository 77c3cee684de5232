import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { differences } from '../../cli/recorded/difference.ts';
import { hashOf, identityOf } from '../../cli/recorded/identity.ts';
import { runRecorded } from '../../cli/recorded/run.ts';
import { readUnified } from '../../cli/recorded/unified.ts';
import { compileScript } from '../../sandbox/compile.ts';
import { createSandbox } from '../../sandbox/pool.ts';
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

test.each([
  ['a file', 'tracker/syncs/tasks.ts', ['tasks']],
  ['a folder', 'tracker/actions/', ['add']],
  ['an integration', 'tracker', ['add', 'tasks']],
  ['a name', 'add', ['add']],
  ['an integration with a name', 'tracker/tasks', ['tasks']],
])('the scripts of %s alone are run', async (_what, path, scripts) => {
  const { stdout } = await runCli(['test', path, '--json', '--clock', 'recorded'], { cwd });
  const run = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).script);
  expect(run.toSorted()).toEqual(scripts);
});

test('a path at which no script lies is 1 and names those there are, and a script without a recording is said to have none', async () => {
  expect(await runCli(['test', 'trakcer'], { cwd })).toEqual({
    code: 1,
    stdout: '',
    stderr:
      "No script of the project lies at 'trakcer' or is called so: expected a file, a folder, an integration, a name, or one of tracker/tasks, tracker/add, tracker/untested.\n",
  });
  expect(await runCli(['test', 'untested'], { cwd })).toMatchObject({
    code: 0,
    stdout: "No script has a recording: 'nango dryrun … --save' makes one.\n",
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

test('each key of the overrides reaches the script', async () => {
  const other = await folders.create();
  const script = `import { createSync } from 'nango';
import * as z from 'zod';
export default createSync({
  description: 'Tells', frequency: 'every hour', autoStart: true, models: { Told: z.object({ id: z.string() }).loose() },
  exec: async (nango) => {
    const { connection_config: config } = await nango.getConnection();
    const token = await nango.getToken();
    const checkpoint = await nango.getCheckpoint();
    await nango.batchSave([{ id: '1', config, token, metadata: await nango.getMetadata(), checkpoint, last: nango.lastSyncDate, now: new Date() }], 'Told');
  },
});
`;
  const overrides = {
    getConnection: { connection_config: { region: 'eu' } },
    getMetadata: { team: 'blue' },
    getToken: 'a-token',
    lastSyncDate: '2026-05-01T00:00:00Z',
    checkpoint: { page: 7 },
    clock: '2026-06-01T09:00:00Z',
  };
  const told = { config: { region: 'eu' }, token: 'a-token', metadata: { team: 'blue' }, checkpoint: { page: 7 } };
  const saved = [{ id: '1', ...told, last: '2026-05-01T00:00:00.000Z', now: '2026-06-01T09:00:00.000Z' }];
  await writeFiles(other, {
    'index.ts': "import './tracker/syncs/tell.js';\n",
    'tracker/syncs/tell.ts': script,
    'tracker/tests/tell.test.json': json({ nango: { batchSave: { Told: saved } }, api: {} }),
    'overrides.json': json({ 'tracker/syncs/tell': overrides }),
  });
  const test = (...flags: readonly string[]) => runCli(['test', '--json', ...flags], { cwd: other });
  expect(JSON.parse((await test('--overrides', 'overrides.json')).stdout)).toMatchObject({ verdict: 'pass', diff: [] });
  // Without them each of it is another: the recording shows that they are what is compared.
  const { diff } = JSON.parse((await test()).stdout) as { diff: string[] };
  const places = ['config.region', 'token', 'metadata.team', 'checkpoint', 'last', 'now'];
  expect(diff.map((line) => line.split(':')[0])).toEqual(places.map((place) => `saved.Told[0].${place}`));
});

test.each([
  ['no JSON', 'not json', 'is no JSON'],
  ['a list', '[]', 'has mistakes'],
  [
    'a checkpoint that is not flat',
    '{"tracker/syncs/tasks":{"checkpoint":{"a":[]}}}',
    "'tracker/syncs/tasks.checkpoint.a'",
  ],
  ['a clock that is no time', '{"tracker/syncs/tasks":{"clock":"noon"}}', "'tracker/syncs/tasks.clock'"],
])('overrides with %s are refused by name, and nothing is run', async (_what, text, message) => {
  await writeFile(join(cwd, 'wrong.json'), text);
  const { code, stdout, stderr } = await runCli(['test', '--overrides', 'wrong.json'], { cwd });
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining(message.replace('has mistakes', 'wrong.json')),
  });
});

test('killed at a call or refused at first, scripts come to the same verdicts', async () => {
  type Line = { script: string; verdict: string; calls: number };
  const run = async (...flags: readonly string[]) => {
    const { code, stdout } = await runCli(['test', '--clock', 'recorded', '--json', ...flags], { cwd });
    const lines = stdout.trimEnd().split('\n');
    return { code, results: lines.map((line) => JSON.parse(line) as Line) };
  };
  const callsOf = ({ results }: { results: Line[] }) =>
    Object.fromEntries(results.map((one) => [one.script, one.calls]));
  const undisturbed = callsOf(await run());
  for (const flags of [
    ['--chaos', '1'],
    ['--chaos', '2'],
    ['--chaos', '3', '--inject', '429,503'],
  ]) {
    const disturbed = await run(...flags);
    const verdicts = disturbed.results.map(({ verdict }) => verdict);
    expect({ flags, code: disturbed.code, verdicts }).toEqual({ flags, code: 0, verdicts: ['pass', 'pass'] });
    // What was refused is asked for again.
    if (flags.includes('--inject')) {
      const calls = callsOf(disturbed);
      for (const [script, plain] of Object.entries(undisturbed)) expect(calls[script]).toBeGreaterThan(plain);
    }
  }
}, 120_000);

test('the process of a script is really killed, at each of its calls, and the script goes on behind it', async () => {
  const lost: unknown[] = [];
  const log = (event: string) => event === 'sandbox.child.lost' && lost.push(event);
  const sandbox = createSandbox({ maxChildren: 1, runsPerChild: 1, log });
  const common = {
    integration: 'tracker',
    provider: 'tracker',
    overrides: {},
    clock: new Date('2026-06-01T10:00:00Z'),
  };
  const bundle = await compileScript({ root: cwd, file: 'tracker/syncs/tasks.ts' });
  const recording = readUnified('tasks', json(RECORDED_TASKS));
  const script = { ...common, script: 'tasks', kind: 'sync', bundle, recording, paginate: undefined } as const;
  try {
    const plain = await runRecorded(sandbox, script, { inject: [] });
    expect([plain.verdict, lost.length]).toEqual(['pass', 0]);
    for (let killAt = 1; killAt <= plain.calls; killAt += 1) {
      const { verdict, diff, saved } = await runRecorded(sandbox, script, { inject: [], killAt });
      expect({ killAt, verdict, diff, lost: lost.length }).toEqual({ killAt, verdict: 'pass', diff: [], lost: killAt });
      expect(saved).toEqual(plain.saved);
    }
  } finally {
    await sandbox.close();
  }
});

test('each script has an isolate of its own: nothing that one leaves behind is there for another', async () => {
  const other = await folders.create();
  const names = Array.from({ length: 12 }, (_, index) => `leaves-${index}`);
  const script = `import { createAction } from 'nango';
import * as z from 'zod';
import { seen } from '../helpers/seen.js';
export default createAction({
  description: 'Leaves', input: z.void(), output: z.array(z.unknown()),
  exec: async (nango) => {
    const found = [seen.length, typeof (globalThis as any).left, typeof ([] as any).left];
    seen.push('x'); (globalThis as any).left = 1; (Array.prototype as any).left = 1;
    await nango.log('left');
    return found;
  },
});
`;
  await writeFiles(other, {
    'index.ts': names.map((name) => `import './tracker/actions/${name}.js';\n`).join(''),
    'tracker/helpers/seen.ts': 'export const seen: string[] = [];\n',
    ...Object.fromEntries(names.map((name) => [`tracker/actions/${name}.ts`, script])),
    ...Object.fromEntries(
      names.map((name) => [
        `tracker/tests/${name}.test.json`,
        json({ output: [0, 'undefined', 'undefined'], nango: {}, api: {} }),
      ]),
    ),
  });
  expect(await runCli(['test'], { cwd: other })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\n12 passed, 0 failed in /),
  });
});

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

test.each([
  ['bytes as base64', Buffer.from('hé'), 'aMOp'],
  ['bytes as they cross from the sandbox', { base64: 'aMOp' }, 'aMOp'],
  ['a form as its text', new URLSearchParams({ a: 'b c' }), 'a=b+c'],
  ['a text as it is', 'plain', 'plain'],
  ['anything else as JSON', [1, { a: null }], '[1,{"a":null}]'],
  ['nothing for what is falsy', '', undefined],
  ['a thousand characters as they are', 'y'.repeat(1000), 'y'.repeat(1000)],
])('the identity of a call has %s', (_what, data, expected) => {
  expect(identityOf({ endpoint: 'x', data }).data).toBe(expected);
});

test.each([
  [
    'a parameter text',
    { endpoint: 'x', params: 'b=2&a=1' },
    {
      params: [
        ['a', '1'],
        ['b', '2'],
      ],
    },
  ],
  ['a whole URL', { endpoint: 'https://api.example/v1/x?q=1' }, { endpoint: 'v1/x', params: [['q', '1']] }],
  ['no method', { endpoint: 'x' }, { method: 'get' }],
  ['the first of equal headers', { endpoint: 'x', headers: { 'X-A': '1', 'x-a': '2' } }, { headers: [['x-a', '1']] }],
  [
    'content types that say something',
    { endpoint: 'x', headers: { 'content-type': 'text/plain' } },
    { headers: [['content-type', 'text/plain']] },
  ],
  [
    'no content type of forms',
    { endpoint: 'x', headers: { 'content-type': 'application/x-www-form-urlencoded;charset=utf-8' } },
    { headers: [] },
  ],
])('the identity of a call has %s', (_what, call, expected) => {
  expect(identityOf(call)).toMatchObject(expected);
});

test.each([
  ...['authorization', 'user-agent', 'nango-proxy-user-agent', 'accept-encoding', 'retries', 'host', 'connection-id'],
  ...['provider-config-key', 'nango-is-sync', 'nango-is-script', 'nango-is-dry-run', 'nango-activity-log-id'],
  ...['content-length', 'accept', 'base-url-override', 'retry-on', 'forward-headers-on-redirect'],
])('the header %s is no part of an identity', (name) => {
  expect(identityOf({ endpoint: 'x', headers: { [name]: 'v', [`Nango-Proxy-${name}`]: 'v' } }).headers).toEqual([]);
});

test('one answer serves equal calls again and again, in whichever order its entry stands', () => {
  const entries = [
    { response: 'first', request: { params: { p: '1' } } },
    { response: 'second', request: { params: { p: '1' } } },
  ];
  const { answer } = readUnified('f', json({ api: { get: { 'v1/a': entries } } }));
  const asked = () => answer({ endpoint: '/v1/a', params: { p: 1 } })?.response;
  expect([asked(), asked()]).toEqual(['first', 'first']);
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
