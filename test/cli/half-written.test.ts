import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { writeFiles } from '../support/project-files.ts';
import { useUpstream } from '../support/upstream.ts';

const folders = useFolders();
/** In the server's place: what it is not asked it cannot store. */
const server = useUpstream();

const SYNC = `import { createSync } from 'nango';
import * as z from 'zod';
const Task = z.object({ id: z.string() });
export default createSync({
  description: 'Tasks', frequency: 'every hour', autoStart: true, models: { Task },
  exec: async (nango) => { await nango.batchSave([{ id: '1' }], 'Task'); },
});
`;
const ZERO = { 'index.ts': "import './tracker/syncs/tasks.js';\n", 'tracker/syncs/tasks.ts': SYNC };
const OLD = `import { NangoSync, Gone } from './models';
export default async function fetchData(nango: NangoSync) { const all: Gone[] = []; await nango.batchSave(all, 'Task'); }
`;

async function refusals(cwd: string) {
  const env = { NANGO_HOSTPORT: server.url, NANGO_SECRET_KEY_DEV: 'key' };
  const results = [];
  for (const argv of [['compile'], ['deploy', 'dev'], ['dryrun', 'tasks', 'acme']])
    results.push(await runCli(argv, { cwd, env }));
  expect(server.requests).toEqual([]);
  return results.map(({ code, stdout, stderr }) => ({ code, stdout, lines: stderr.trimEnd().split('\n') }));
}

test.each<[string, Record<string, string | null>, number, RegExp]>([
  ['no nango.yaml', { 'nango.yaml': null }, 1, /^No nango\.yaml in '.*make one with 'nango init'\.$/],
  ['an empty nango.yaml', { 'nango.yaml': '' }, 10, /^nango\.yaml:1:1: .*is empty: expected 'integrations:'/],
  ['one with comments only', { 'nango.yaml': '# soon\n' }, 10, /^nango\.yaml:\d+:1: .*is empty: expected/],
  [
    'one that is being written',
    { 'nango.yaml': 'integrations:\n  tracker:\n    tas' },
    10,
    /^nango\.yaml:3:5: integration 'tracker' is 'tas': expected a mapping/,
  ],
  [
    'two scripts of one name',
    {
      'nango.yaml':
        'integrations:\n  tracker:\n    tasks: { type: action }\n    more: { type: action }\n    tasks: { type: action }\nmodels: {}\n',
    },
    10,
    /^nango\.yaml:5:5: key 'tasks' is given twice: expected once \(first on line 3\)$/,
  ],
  ['one that is cut within a text', { 'nango.yaml': 'integrations:\n  "track' }, 10, /^nango\.yaml:2:\d+: /],
  [
    'a script that is not there yet',
    { 'tasks.ts': null },
    10,
    /^nango\.yaml:4:5: Sync 'tasks' of 'task-tracker' has no script 'tasks\.ts': run 'nango generate' to write one$/,
  ],
  ['an empty script', { 'tasks.ts': '' }, 10, /^tasks\.ts:1:1: the default export is missing: .* is expected\.$/],
  ['a script that is cut', { 'tasks.ts': 'export default async function (na' }, 10, /^tasks\.ts:1:34: Expected "\)"/],
  ['a model that a script imports and nobody declares', { 'tasks.ts': OLD }, 10, /^tasks\.ts:1:21: TS2305: .*'Gone'/],
])('of a project with %s every command says what is missing, and the server is asked nothing', async (...row) => {
  const [, changes, code, message] = row;
  const folder = await initProject(await folders.create(), changes);
  for (const { lines, ...result } of await refusals(folder)) {
    expect(result).toEqual({ code, stdout: '' });
    expect(lines[0]).toMatch(message);
  }
});

test.each<[string, Record<string, string | null>, RegExp]>([
  [
    'an index.ts that imports what is not there yet',
    { 'tracker/syncs/tasks.ts': null },
    /^index\.ts:1:\d+: Sync 'tasks' of 'tracker' has no script 'tracker\/syncs\/tasks\.ts': write it with 'nango create'/,
  ],
  ['an index.ts that is cut', { 'index.ts': "import './tracker/syncs/tasks.js';\nimport './trac" }, /^index\.ts:/],
  [
    'an empty script',
    { 'tracker/syncs/tasks.ts': '' },
    /^tracker\/syncs\/tasks\.ts:1:1: the default export is missing/,
  ],
  [
    'a script that is cut',
    { 'tracker/syncs/tasks.ts': SYNC.slice(0, -5) },
    /^tracker\/syncs\/tasks\.ts:\d+:\d+: Expected/,
  ],
  [
    'a model that is not defined yet',
    { 'tracker/syncs/tasks.ts': SYNC.replace(/const Task.*\n/, '') },
    /^tracker\/syncs\/tasks\.ts:\d+:\d+: (the definition cannot be loaded: ReferenceError: Task is not defined|TS\d+: .*Task)/,
  ],
])('of a project without nango.yaml and with %s the same is true', async (_what, changes, message) => {
  const folder = await folders.create();
  const files = Object.entries({ 'package.json': '{"type":"module"}', ...ZERO, ...changes });
  await writeFiles(folder, Object.fromEntries(files.flatMap(([file, text]) => (text === null ? [] : [[file, text]]))));
  for (const { lines, ...result } of await refusals(folder)) {
    expect(result).toEqual({ code: 10, stdout: '' });
    expect(lines[0]).toMatch(message);
  }
});

test('a nango.yaml that is saved line by line is never taken for one that generated files may follow', async () => {
  const folder = await initProject(await folders.create());
  const [whole, models] = await Promise.all(
    ['nango.yaml', 'models.ts'].map((file) => readFile(join(folder, file), 'utf8')),
  );
  const lines = whole?.split('\n') ?? [];
  const codes = new Set<number>();
  for (let length = 0; length < lines.length; length += 1) {
    await writeFile(join(folder, 'nango.yaml'), lines.slice(0, length).join('\n'));
    const { code, stderr } = await runCli(['generate'], { cwd: folder });
    codes.add(code);
    const now = await readFile(join(folder, 'models.ts'), 'utf8');
    if (code === 10) {
      for (const line of stderr.trimEnd().split('\n')) expect(line).toMatch(/^nango\.yaml:\d+:\d+: \S/);
      expect(now).toBe(models);
    }
  }
  // Its last lines may be missing and it still makes sense.
  expect([...codes].toSorted()).toEqual([0, 10]);
});
