import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runCli, useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    module: 'node16',
    target: 'esnext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    noUnusedLocals: true,
    noEmit: true,
  },
  include: ['**/*.ts'],
});

const FILES = {
  'index.ts': `import './tracker/syncs/tasks.js';\nimport './tracker/actions/add-task.js';\nimport './tracker/on-events/hello.js';\n`,
  'package.json': '{"type":"module"}',
  'tsconfig.json': TSCONFIG,
  'tracker/models.ts': `import * as z from 'zod';
export const Task = z.object({ id: z.string(), title: z.string(), due: z.iso.datetime().nullish() });
export type Task = z.infer<typeof Task>;
`,
  'tracker/syncs/tasks.ts': `import { createSync, type ProxyConfiguration } from 'nango';
import * as z from 'zod';
import { Task } from '../models.js';

const sync = createSync({
  description: 'Fetches tasks',
  version: '1.0.0',
  frequency: 'every hour',
  autoStart: true,
  metadata: z.object({ team: z.string().optional() }),
  checkpoint: z.object({ cursor: z.string() }),
  models: { Task },
  exec: async (nango) => {
    const checkpoint = await nango.getCheckpoint();
    const metadata = await nango.getMetadata();
    const config: ProxyConfiguration = {
      endpoint: '/tasks',
      params: { ...(checkpoint && { cursor: checkpoint.cursor }), team: metadata.team?.trim() ?? 'all' },
      paginate: { type: 'cursor', cursor_path_in_response: 'next', cursor_name_in_request: 'cursor', response_path: 'tasks' },
      retries: 3,
    };
    for await (const page of nango.paginate<{ id: string; title: string }>(config)) {
      await nango.batchSave(page.map(({ id, title }) => ({ id, title: Buffer.from(title).toString() })), 'Task');
      await nango.saveCheckpoint({ cursor: 'x' });
    }
  },
});
export type NangoSyncLocal = Parameters<(typeof sync)['exec']>[0];
export default sync;
`,
  'tracker/actions/add-task.ts': `import { createAction } from 'nango';
import { z } from 'zod';
const Input = z.object({ title: z.string() });
const action = createAction({
  description: 'Adds a task',
  input: Input,
  output: z.object({ id: z.string() }),
  exec: async (nango, input): Promise<{ id: string }> => {
    if (input.title === '') throw new nango.ActionError({ type: 'empty', message: 'A title is needed' });
    const { data } = await nango.post<{ id: string }>({ endpoint: '/tasks', data: input });
    return { id: data.id };
  },
});
export type NangoActionLocal = Parameters<(typeof action)['exec']>[0];
export default action;
`,
  'tracker/on-events/hello.ts': `import { createOnEvent } from 'nango';
export default createOnEvent({
  description: 'Says hello',
  event: 'post-connection-creation',
  exec: async (nango) => { await nango.log('hello ' + nango.connectionId); },
});
`,
} as const;

async function project(changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const cwd = await folders.create();
  await writeFiles(cwd, { ...FILES, ...changes });
  return cwd;
}

test('a zero-yaml project compiles strictly without anything installed', async () => {
  const cwd = await project();
  expect(await runCli(['compile'], { cwd })).toEqual({
    code: 0,
    stderr: '',
    stdout: 'Compiled 1 sync and 1 action and 1 on-event script without mistakes.\n',
  });
});

test('it compiles without tsconfig.json as well, and through a linked folder', async () => {
  const cwd = await project({ 'index.ts': `${FILES['index.ts']}import './tracker-eu/syncs/tasks.js';\n` });
  await rm(join(cwd, 'tsconfig.json'));
  await symlink('tracker', join(cwd, 'tracker-eu'));
  const { code, stdout, stderr } = await runCli(['compile'], { cwd });
  expect({ code, stderr, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('Compiled 2 syncs') });
});

test('types of models reach batchSave and exec', async () => {
  const wrong = FILES['tracker/syncs/tasks.ts']
    .replace('({ id, title: Buffer', '({ id: 7, title: Buffer')
    .replace(
      "await nango.saveCheckpoint({ cursor: 'x' });",
      "await nango.saveCheckpoint({ cursor: 1 });\n await nango.batchSave([], 'Tusk');",
    );
  const cwd = await project({ 'tracker/syncs/tasks.ts': wrong });
  const { code, stderr } = await runCli(['compile'], { cwd });
  expect(code).toBe(10);
  const places = [...stderr.matchAll(/^tracker\/syncs\/tasks\.ts:(\d+):\d+: (TS\d+)/gm)].map(
    (match) => `${match[1]} ${match[2]}`,
  );
  expect(places).toEqual(['23 TS2345', '24 TS2322', '25 TS2345']);
});

test('listRecords gives one record after the other, each of its model', async () => {
  const reading = (use: string) =>
    FILES['tracker/syncs/tasks.ts'].replace(
      "await nango.saveCheckpoint({ cursor: 'x' });",
      `for await (const task of nango.listRecords('Task')) await nango.log(${use});`,
    );
  const compile = async (use: string) =>
    runCli(['compile'], { cwd: await project({ 'tracker/syncs/tasks.ts': reading(use) }) });
  expect(await compile('task.title.trim(), task._nango_metadata.last_action')).toMatchObject({ code: 0, stderr: '' });
  expect(await compile('task.map((one) => one.title)')).toMatchObject({
    code: 10,
    stderr: expect.stringContaining("'map'"),
  });
});

test.each([
  [
    'a frequency too short',
    { from: "'every hour'", to: "'every 10s'" },
    "8:3: frequency of sync 'tasks' 'every 10s': the shortest frequency is 30s",
  ],
  [
    'a model without id',
    { from: 'models: { Task }', to: 'models: { Task: z.object({ a: z.string() }) }' },
    "12:3: model 'Task' of sync 'tasks': expected a field 'id'",
  ],
  [
    'a model in small letters',
    { from: 'models: { Task }', to: 'models: { task: Task }' },
    "12:3: model 'task' of sync 'tasks': expected a name",
  ],
  [
    'a checkpoint that is not flat',
    { from: 'z.object({ cursor: z.string() })', to: 'z.object({ cursor: z.array(z.string()) })' },
    "11:3: checkpoint of 'tasks': 'cursor' is of type array",
  ],
  [
    'a further export',
    { from: 'export default sync', to: 'export const also = 1;\nexport default sync' },
    "5:14: export 'also': expected the default export alone",
  ],
  [
    'no definition',
    { from: 'export default sync', to: 'export default function () {}' },
    '29:1: the default export is no definition: expected export default createSync',
  ],
  [
    'code that fails while it loads',
    { from: 'const sync', to: "JSON.parse('{');\nconst sync" },
    '5:6: the definition cannot be loaded: SyntaxError',
  ],
])('%s is a mistake at its place', async (_what, { from, to }, expected) => {
  const cwd = await project({ 'tracker/syncs/tasks.ts': FILES['tracker/syncs/tasks.ts'].replace(from, to) });
  const { code, stderr } = await runCli(['compile'], { cwd });
  expect({ code, stderr }).toMatchObject({ code: 10, stderr: expect.stringContaining(expected) });
});

test.each(['index.ts', 'tracker/models.ts', 'tracker/syncs/tasks.ts', 'tracker/actions/add-task.ts'] as const)(
  'a project of which %s is written by half has mistakes, each with its place',
  async (file) => {
    const whole = FILES[file];
    const cwd = await project({ [file]: whole.slice(0, whole.length / 2) });
    const { code, stdout, stderr } = await runCli(['compile'], { cwd });
    expect({ code, stdout }).toEqual({ code: 10, stdout: '' });
    expect(stderr).toContain(`${file}:`);
    for (const line of stderr.trim().split('\n')) expect(line).toMatch(/^[\w./-]+:\d+:\d+: \S/);
  },
);

test('a definition of another kind than its folder is a mistake', async () => {
  const cwd = await project({ 'tracker/actions/add-task.ts': FILES['tracker/syncs/tasks.ts'] });
  expect((await runCli(['compile'], { cwd })).stderr).toContain(
    "tracker/actions/add-task.ts:5:14: the action of 'tracker' is made by createSync: expected createAction, as its folder says\n",
  );
});

test('index.ts is judged line by line, and a missing script is named', async () => {
  const cwd = await project({
    'index.ts': "import './tracker/syncs/none.js';\n// import './tracker/syncs/commented.js';\n",
  });
  const missing = await runCli(['compile'], { cwd });
  expect(missing.stderr).toBe(
    "index.ts:1:1: Sync 'none' of 'tracker' has no script 'tracker/syncs/none.ts': write it with 'nango create', or remove the import\n",
  );
  await writeFiles(cwd, { 'index.ts': "import './tracker/syncs/tasks.js';\nimport './somewhere/else.js';\n" });
  const odd = await runCli(['compile'], { cwd });
  expect(odd).toMatchObject({
    code: 10,
    stderr: expect.stringMatching(/^index\.ts:2:1: import '\.\/somewhere\/else\.js' is no script/),
  });
});

test('a definition that reads a file of this machine finds nothing to read it with', async () => {
  const cwd = await project({
    'tracker/syncs/tasks.ts': `const where: any = globalThis;\nwhere.process.exit(3);\n${FILES['tracker/syncs/tasks.ts']}`,
  });
  await mkdir(join(cwd, '.nango'), { recursive: true });
  const { code, stderr } = await runCli(['compile'], { cwd });
  expect(code).toBe(10);
  expect(stderr).toContain(
    "tracker/syncs/tasks.ts:2:15: the definition cannot be loaded: TypeError: Cannot read properties of undefined (reading 'exit')",
  );
});

test('static rules are mistakes with file, line and column, in helpers as well, and warnings stop nothing', async () => {
  const rest = "export async function save(nango: NangoSyncLocal) {\n  nango.batchSave([], 'Task');\n}\n";
  const cwd = await project({
    'tracker/helpers/save.ts': `import type { NangoSyncLocal } from '../syncs/tasks.js';\n${rest}`,
    'tracker/syncs/tasks.ts': FILES['tracker/syncs/tasks.ts']
      .replace("from '../models.js';", "from '../models.js';\nimport { save } from '../helpers/save.js';")
      .replace('const checkpoint = await', 'await save(nango);\n    const checkpoint = await'),
  });
  const wrong = await runCli(['compile'], { cwd });
  expect(wrong).toMatchObject({
    code: 10,
    stderr: expect.stringMatching(/^tracker\/helpers\/save\.ts:3:3: nango\.batchSave is not awaited/),
  });
  await writeFiles(cwd, {
    'tracker/helpers/save.ts': "export async function save(_: unknown) {\n  console.log('x');\n}\n",
    'tsconfig.json': TSCONFIG.replace('"esnext"', '"esnext","lib":["esnext","dom"]'),
  });
  const warned = await runCli(['compile'], { cwd });
  expect(warned).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('warning: tracker/helpers/save.ts:2:3: console.log writes to the log'),
  });
});

test('a sync that never names one of its models is warned of', async () => {
  const text = FILES['tracker/syncs/tasks.ts'].replace(
    'models: { Task }',
    'models: { Task, Team: z.object({ id: z.string() }) }',
  );
  const cwd = await project({ 'tracker/syncs/tasks.ts': text });
  const { code, stderr } = await runCli(['compile'], { cwd });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr:
      "warning: index.ts:1:1: sync 'tasks' never saves its model 'Team': nothing in 'tracker/syncs/tasks.ts' names it\n",
  });
});
