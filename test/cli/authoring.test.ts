import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseDiagnostics } from '../../cli/typecheck.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';

const folders = useFolders();

const THREE = `integrations:
  tracker:
    people:
      runs: every 1h
      returns: Person
    add-person:
      type: action
      returns: Person
  other-tracker:
    people:
      runs: every 1h
      returns: Person
models:
  Person:
    id: string
    name: string | null
`;

test('generate writes the types and one scaffold for each missing script, all of which compile', async () => {
  const cwd = await folders.create();
  await initProject(cwd, { 'nango.yaml': THREE, 'tasks.ts': null, 'post-message.ts': null });
  const { code, stdout } = await runCli(['generate'], { cwd });
  expect(code).toBe(0);
  expect(stdout).toBe('Wrote models.ts\nWrote .nango/schema.json\nWrote people.ts\nWrote add-person.ts\n');
  expect((await runCli(['compile'], { cwd })).stdout).toBe('Compiled 2 syncs and 1 action without mistakes.\n');
});

test('generate twice overwrites no script and says that there is nothing to write', async () => {
  const cwd = await folders.create();
  const folder = await initProject(cwd, { 'nango.yaml': THREE });
  await runCli(['generate'], { cwd });
  await writeFile(join(folder, 'people.ts'), 'my own work');
  expect((await runCli(['generate'], { cwd })).stdout).toBe(
    'Nothing to write: models.ts is up to date and every script is there.\n',
  );
  expect(await readFile(join(folder, 'people.ts'), 'utf8')).toBe('my own work');
});

test('a script in the folder of its integration is not written again', async () => {
  const cwd = await folders.create();
  const people = `import type { NangoSync } from '../../models';\nexport default async function fetchData(nango: NangoSync) {}\n`;
  const folder = await initProject(cwd, {
    'nango.yaml': THREE.replace(/ {2}other-tracker:[\s\S]*models:/, 'models:'),
    'tracker/syncs/people.ts': people,
    'tasks.ts': null,
    'post-message.ts': null,
  });
  const { stdout } = await runCli(['generate'], { cwd: folder });
  expect(stdout).toContain('Wrote add-person.ts');
  expect(stdout).not.toContain('people.ts');
  expect((await runCli(['compile'], { cwd: folder })).code).toBe(0);
});

test.each([
  ['text that is no YAML', 'integrations: {tracker: [\n', /^nango\.yaml:\d+:\d+: /],
  ['an empty file', '', /^nango\.yaml:1:1: /],
  ['a list', '- tracker\n', /^nango\.yaml:1:1: /],
  ['integrations that are no mapping', 'integrations: 7\n', /^nango\.yaml:1:15: /],
])('%s in nango.yaml is 10 with a position and no stack', async (_what, text, message) => {
  const cwd = await folders.create();
  await initProject(cwd, { 'nango.yaml': text });
  for (const command of ['generate', 'compile', 'deploy dev', 'dryrun tasks acme']) {
    const { code, stderr } = await runCli(command.split(' '), { cwd });
    expect({ command, code }).toEqual({ command, code: 10 });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
  }
});

test('every mistake of nango.yaml is reported at once, one line each', async () => {
  const cwd = await folders.create();
  await initProject(cwd, {
    'nango.yaml': THREE.replace('every 1h', 'every 2min').replace('returns: Person', 'returns: Nobody'),
  });
  const { code, stderr } = await runCli(['compile'], { cwd });
  expect(code).toBe(10);
  expect(stderr).toMatch(/^nango\.yaml:4:\d+: .*5min.*\nnango\.yaml:5:\d+: .*Nobody.*\n$/);
});

test('mistakes of types, imports and missing scripts come together with file, line and column', async () => {
  const cwd = await folders.create();
  await initProject(cwd, {
    'nango.yaml': THREE,
    'people.ts': [
      `import fs from 'fs';`,
      `import { NangoSync, Person } from './models';`,
      'export default async function fetchData(nango: NangoSync) {',
      '  const person: Person = { id: 7, name: fs.readFileSync("x") };',
      "  await nango.batchSave([person], 'Person');",
      '}',
    ].join('\n'),
    'tasks.ts': null,
    'post-message.ts': null,
  });
  const { code, stdout, stderr } = await runCli(['compile'], { cwd });
  expect({ code, stdout }).toEqual({ code: 10, stdout: '' });
  const lines = stderr.trimEnd().split('\n');
  expect(lines[0]).toMatch(
    /^nango\.yaml:6:\d+: Action 'add-person' of 'tracker' has no script 'add-person\.ts': run 'nango generate'/,
  );
  expect(lines[1]).toMatch(/^people\.ts:1:\d+: .*'fs'/);
  expect(lines[2]).toMatch(/^people\.ts:4:28: TS2322: /);
  expect(lines).toHaveLength(3);
});

test('a script without default export is 10 and names the file', async () => {
  const cwd = await folders.create();
  await initProject(cwd, { 'tasks.ts': 'export const nothing = 1;\n' });
  const { code, stderr } = await runCli(['compile'], { cwd });
  expect(code).toBe(10);
  expect(stderr).toMatch(/^tasks\.ts:1:1: .*default export/);
});

test('types are checked without a tsconfig.json and without node_modules, and nothing is left behind', async () => {
  const cwd = await folders.create();
  const wrong = `import { NangoSync } from './models';\nexport default async function fetchData(nango: NangoSync) { nango.nope(); }\n`;
  const folder = await initProject(cwd, { 'tsconfig.json': null, 'tasks.ts': wrong });
  const before = await readdir(folder);
  const { code, stderr } = await runCli(['compile'], { cwd });
  expect(code).toBe(10);
  expect(stderr).toMatch(/^tasks\.ts:2:\d+: TS2339: Property 'nope'/);
  expect(await readdir(folder)).toEqual(before);
});

test('compile writes models.ts anew where nango.yaml has gone on', async () => {
  const cwd = await folders.create();
  const folder = await initProject(cwd, { 'models.ts': '// stale\n' });
  expect((await runCli(['compile'], { cwd })).code).toBe(0);
  expect(await readFile(join(folder, 'models.ts'), 'utf8')).toContain('export interface Task');
});

test('warnings are shown and stop nothing', async () => {
  const cwd = await folders.create();
  await initProject(cwd, { 'nango.yaml': `${THREE}    colour: mauve\n`, 'tasks.ts': null, 'post-message.ts': null });
  await runCli(['generate'], { cwd });
  const { code, stderr } = await runCli(['compile'], { cwd });
  expect(code).toBe(0);
  expect(stderr).toMatch(/^warning: nango\.yaml:17:\d+: .*mauve/);
});

test('a diagnostic of several lines is one mistake, and files elsewhere keep a path to them', () => {
  const output = [
    'tasks.ts(3,5): error TS2322: Type A is not assignable.',
    '  Types of property id are incompatible.',
    '    Type B is not C.',
    '../shared dir/map.ts(1,2): error TS1005: expected.',
    "error TS5083: Cannot read file '/x/tsconfig.json'.",
  ].join('\r\n');
  expect(parseDiagnostics(output, '/work/project', '/work/project')).toEqual([
    {
      file: 'tasks.ts',
      line: 3,
      column: 5,
      message: 'TS2322: Type A is not assignable. Types of property id are incompatible. Type B is not C.',
    },
    { file: '../shared dir/map.ts', line: 1, column: 2, message: 'TS1005: expected.' },
    { file: 'tsconfig.json', line: 1, column: 1, message: "TS5083: Cannot read file '/x/tsconfig.json'." },
  ]);
});

const V2 = `integrations:
  tracker:
    syncs:
      people:
        runs: every 30s
        output: Person
        endpoint: GET /people
    actions:
      add-person:
        input: string[]
        output: Person
        endpoint: POST /people
    on-events:
      post-connection-creation: [hello]
models:
  Person:
    id: string
    name: string | null
`;

test('a v2 project gets nested scaffolds and a JSON schema, all of which compile', async () => {
  const cwd = await folders.create();
  const folder = await initProject(cwd, { 'nango.yaml': V2, 'tasks.ts': null, 'post-message.ts': null });
  const { stdout } = await runCli(['generate'], { cwd });
  expect(stdout.trimEnd().split('\n')).toEqual([
    'Wrote models.ts',
    'Wrote .nango/schema.json',
    'Wrote tracker/syncs/people.ts',
    'Wrote tracker/actions/add-person.ts',
    'Wrote tracker/on-events/hello.ts',
  ]);
  const schema = JSON.parse(await readFile(join(folder, '.nango', 'schema.json'), 'utf8'));
  expect(schema.definitions.Person.required).toEqual(['id', 'name']);
  expect((await runCli(['compile'], { cwd })).stdout).toBe(
    'Compiled 1 sync and 1 action and 1 on-event script without mistakes.\n',
  );
});

test('post-connection-scripts, the old form, get a scaffold in their folder and compile', async () => {
  const cwd = await folders.create();
  const manifest = V2.replace(
    'on-events:\n      post-connection-creation: [hello]',
    'post-connection-scripts: [hello]',
  );
  await initProject(cwd, { 'nango.yaml': manifest, 'tasks.ts': null, 'post-message.ts': null });
  expect((await runCli(['generate'], { cwd })).stdout).toContain('Wrote tracker/post-connection-scripts/hello.ts\n');
  expect((await runCli(['compile'], { cwd })).stdout).toBe(
    'Compiled 1 sync and 1 action and 1 on-event script without mistakes.\n',
  );
  const { scripts } = JSON.parse((await runCli(['compile', '--json'], { cwd })).stdout);
  expect(scripts.map(({ kind, file }: { kind: string; file: string }) => `${kind} ${file}`)).toContain(
    'on-event tracker/post-connection-scripts/hello.ts',
  );
});
