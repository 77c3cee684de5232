import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { migrateConfig } from '../../manifest/migrate.ts';
import { parseManifest } from '../../manifest/parse.ts';
import { zodModels } from '../../manifest/zod-text.ts';
import { useApi } from '../support/api.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { createTracker, deployFlows, deployment, flow } from '../support/deployment.ts';
import { writeFiles } from '../support/project-files.ts';

const api = useApi();
const folders = useFolders();
const env = () => ({ NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key });
const SLOW = 180_000;

test('migrate-config moves scripts under syncs and actions and keeps comments', () => {
  const text = migrateConfig(`integrations:
  tracker:
    # the important one
    tasks:
      type: sync
      runs: every hour
      returns: [Task, Person] # both
      track_deletes: false
    add:
      type: action
      returns: Task
models:
  Task: { id: string } # a task
  Person: { id: string }
`);
  expect(text).toContain('# the important one');
  expect(text).toContain('# a task');
  const { manifest } = parseManifest(text, 'nango.yaml');
  expect(manifest.version).toBe('v2');
  expect(manifest.integrations[0]).toMatchObject({
    syncs: [
      {
        name: 'tasks',
        returns: ['Task', 'Person'],
        syncType: 'incremental',
        endpoints: [{ path: '/tracker/tasks' }, { path: '/tracker/tasks-2' }],
      },
    ],
    actions: [
      { name: 'add', output: { kind: 'model', name: 'Task' }, endpoints: [{ method: 'POST', path: '/tracker/add' }] },
    ],
  });
});

test('models become zod schemas, in an order in which they can be read, circles through getters', () => {
  const { manifest } = parseManifest(
    "integrations: {}\nmodels: { A: { b: B, 'c?': 'string | null' }, B: { as: 'A[]', kind: \"'x' | 'y'\", when: date }, C: { __string: number } }",
    'n',
  );
  expect(zodModels(manifest.models)).toContain(
    `export const B = z.object({ get as() { return z.array(A); }, kind: z.enum(["x","y"]), when: z.union([z.date(), z.string()]) });`,
  );
  expect(zodModels(manifest.models)).toContain(
    'export const A = z.object({ b: B, c: z.string().nullable().optional() });',
  );
  expect(zodModels(manifest.models)).toContain('export const C = z.record(z.string(), z.number());');
});

test(
  'migrate-to-zero-yaml turns the example project into one that compiles',
  async () => {
    const cwd = await folders.create();
    const recording = JSON.stringify({
      nango: { batchSave: { Task: [] } },
      api: { get: { '/tasks': { response: { tasks: [], next_cursor: null }, status: 200, headers: {} } } },
    });
    const folder = await initProject(cwd, {
      'tests/tasks.test.json': recording.replace('"response"', '"request":{"params":{"limit":"100"}},"response"'),
    });
    expect((await runCli(['test'], { cwd })).stdout).toMatch(/^pass task-tracker\/tasks .*\n1 passed/);
    expect((await runCli(['generate:tests'], { cwd })).stdout).toContain('Wrote tests/task-tracker-tasks.test.ts\n');
    const moved = await runCli(['migrate-to-zero-yaml'], { cwd });
    expect(moved).toMatchObject({ code: 0, stdout: expect.stringContaining('Wrote task-tracker/syncs/tasks.ts') });
    // Its recording goes with the script, or nothing would test it any more.
    expect(moved.stdout).toContain('Moved tests/tasks.test.json to task-tracker/tests/tasks.test.json\n');
    expect((await runCli(['test'], { cwd })).stdout).toMatch(/^pass task-tracker\/tasks .*\n1 passed/);
    // And so do the tests made of it, which call a definition now.
    const tests = 'task-tracker/tests/task-tracker-tasks.test.ts';
    expect(moved.stdout).toContain(`Moved tests/task-tracker-tasks.test.ts to ${tests}\n`);
    expect(await readdir(join(folder, 'tests'))).toEqual([]);
    expect(await readFile(join(folder, tests), 'utf8')).toMatch(
      /'\.\.\/syncs\/tasks\.js'[\s\S]*script\.exec\(nangoMock\)/,
    );
    const files = await readdir(folder);
    expect(files).toContain('nango.yaml.old');
    expect(files).not.toContain('tasks.ts');
    expect(await readFile(join(folder, 'index.ts'), 'utf8')).toBe(
      "import './task-tracker/syncs/tasks.js';\nimport './team-chat/actions/post-message.js';\n",
    );
    const compiled = await runCli(['compile'], { cwd });
    expect(compiled).toEqual({ code: 0, stderr: '', stdout: 'Compiled 1 sync and 1 action without mistakes.\n' });
  },
  SLOW,
);

test(
  'migrate-to-zero-yaml keeps tests that their author has changed, and says what they have to call now',
  async () => {
    const cwd = await folders.create();
    const mine = '// mine\n';
    const folder = await initProject(cwd, {
      'tests/tasks.test.json': '{"nango":{},"api":{}}',
      'tests/task-tracker-tasks.test.ts': mine,
    });
    const { stdout } = await runCli(['migrate-to-zero-yaml'], { cwd });
    expect(stdout).toMatch(/^Kept tests\/task-tracker-tasks\.test\.ts: .*`exec`/m);
    expect(await readFile(join(folder, 'tests', 'task-tracker-tasks.test.ts'), 'utf8')).toBe(mine);
  },
  SLOW,
);

test(
  'create adds scripts to a zero-yaml project that compile, and overwrites none',
  async () => {
    const cwd = await folders.create();
    await writeFiles(cwd, { 'index.ts': '', '.nango/keep': '' });
    for (const kind of ['sync', 'action', 'on-event'])
      expect(await runCli(['create', 'tracker', 'new', `--${kind}`], { cwd })).toMatchObject({
        code: 0,
        stdout: `Wrote tracker/${kind}s/new.ts and its import in index.ts\n`,
      });
    expect(await runCli(['create', 'tracker', 'new'], { cwd })).toMatchObject({
      code: 1,
      stderr: "'tracker/syncs/new.ts' is there already: nothing was changed.\n",
    });
    expect((await runCli(['compile'], { cwd })).stdout).toContain('Compiled 1 sync and 1 action and 1 on-event script');
    const docs = await runCli(['generate:docs'], { cwd });
    expect(docs.stdout).toBe('Wrote tracker/README.md\n');
    expect(await readFile(join(cwd, 'tracker', 'README.md'), 'utf8')).toContain('- **Models**: `Item` (`id`, `title`)');
  },
  SLOW,
);

test('pull fetches the source of a deployed script, and asks which where there are two', async () => {
  await createTracker(api, 'pulled');
  await deployFlows(api, flow('pulled', 'tasks'), flow('pulled', 'tasks', { type: 'action', runs: null, models: [] }));
  const cwd = await folders.create();
  await writeFiles(cwd, { 'index.ts': '', '.nango/keep': '' });
  expect(await runCli(['pull', 'pulled', 'tasks'], { cwd, env: env() })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('expected type=sync or type=action'),
  });
  expect((await runCli(['pull', 'pulled', 'tasks', '-s'], { cwd, env: env() })).code).toBe(0);
  expect(await readFile(join(cwd, 'pulled', 'syncs', 'tasks.ts'), 'utf8')).toBe('export default () => {};');
  expect((await runCli(['pull', 'pulled', 'tasks', '-s'], { cwd, env: env() })).code).toBe(1);
  const { body } = await api.call('GET', '/integrations/pulled/functions?type=sync');
  expect(body).toMatchObject({ data: [{ name: 'tasks', type: 'sync' }], pagination: { total: 1 } });
});

test('pull --force writes over the file that is there, -a means the action, and -e another environment', async () => {
  await createTracker(api, 'forced');
  const ts = (text: string) => ({ fileBody: { js: 'exports.default = () => {};', ts: text } });
  await deployFlows(api, flow('forced', 'tasks', ts('// the sync')));
  await deployFlows(api, flow('forced', 'tasks', { type: 'action', runs: null, models: [], ...ts('// the action') }));
  const cwd = await folders.create();
  await writeFiles(cwd, { 'index.ts': '', '.nango/keep': '', 'forced/actions/tasks.ts': '// mine' });
  const pull = (...flags: readonly string[]) =>
    runCli(['pull', 'forced', 'tasks', ...flags], { cwd, env: { ...env(), NANGO_SECRET_KEY_PROD: api.otherKey } });
  const text = () => readFile(join(cwd, 'forced', 'actions', 'tasks.ts'), 'utf8');
  expect((await pull('--action')).code).toBe(1);
  expect(await text()).toBe('// mine');
  expect((await pull('-a', '-f')).code).toBe(0);
  expect(await text()).toBe('// the action');
  expect(await pull('-a', '-f', '-e', 'prod')).toMatchObject({ code: 1, stderr: expect.stringContaining("'forced'") });
});

test('in a project with nango.yaml, pull writes to where the script is declared, and says what is not', async () => {
  await createTracker(api, 'declared');
  await deployFlows(api, flow('declared', 'tasks'), flow('declared', 'more', { models: ['Other'] }));
  const cwd = await folders.create();
  await writeFiles(cwd, {
    'nango.yaml':
      'integrations: { declared: { tasks: { runs: every hour, returns: Task } } }\nmodels: { Task: { id: string } }\n',
    'tasks.ts': '// mine',
  });
  const pull = (...argv: readonly string[]) => runCli(['pull', 'declared', ...argv], { cwd, env: env() });
  expect(await pull('tasks')).toEqual({
    code: 1,
    stdout: '',
    stderr: "'tasks.ts' is there already: pass --force to overwrite it.\n",
  });
  expect((await pull('tasks', '--force')).stdout).toBe('Wrote tasks.ts\n');
  expect((await pull('more')).stdout).toBe('Wrote declared/syncs/more.ts: declare it in nango.yaml\n');
});

test('generate:docs -p writes where it is told, into its own section, and keeps what stands around it', async () => {
  const cwd = await folders.create();
  await initProject(cwd);
  await writeFiles(cwd, { 'docs of mine/task-tracker/README.md': '# Mine\n\nAbove.\n' });
  const docs = (...flags: readonly string[]) => runCli(['generate:docs', ...flags], { cwd });
  expect(await docs('-p', 'docs of mine')).toMatchObject({
    code: 0,
    stdout: 'Wrote task-tracker/README.md\nWrote team-chat/README.md\n',
  });
  const path = join(cwd, 'docs of mine', 'task-tracker', 'README.md');
  const text = await readFile(path, 'utf8');
  expect(text).toMatch(
    /^# Mine\n\nAbove\.\n\n<!-- begin[\s\S]*`Task`[\s\S]*end: written by nango generate:docs -->\n$/,
  );
  expect((await docs('--path', 'docs of mine')).stdout).toBe('Kept task-tracker/README.md\nKept team-chat/README.md\n');
  expect(await readFile(path, 'utf8')).toBe(text);
  expect(await readdir(join(cwd, 'nango-integrations'))).not.toContain('task-tracker');
});

test('pull fetches an on-event script as one, whatever its event', async () => {
  await createTracker(api, 'heard');
  const scripts = ['post-connection-creation', 'pre-connection-deletion'].map((event) => ({
    name: 'hello',
    event,
    fileBody: { js: 'exports.default = () => {};', ts: 'export default () => {};' },
  }));
  const body = deployment([], { onEventScriptsByProvider: [{ providerConfigKey: 'heard', scripts }] });
  expect(await api.call('POST', '/sync/deploy', { body })).toMatchObject({ status: 200 });
  const cwd = await folders.create();
  await writeFiles(cwd, { 'index.ts': '', '.nango/keep': '' });
  expect((await runCli(['pull', 'heard', 'hello', '--sync'], { cwd, env: env() })).code).toBe(1);
  expect(await runCli(['pull', 'heard', 'hello', '--on-event'], { cwd, env: env() })).toEqual({
    code: 0,
    stdout: 'Wrote heard/on-events/hello.ts and its import in index.ts\n',
    stderr: '',
  });
  expect((await api.call('GET', '/integrations/heard/functions?type=on-event')).body).toMatchObject({
    data: [{ type: 'on-event' }, { type: 'on-event' }],
  });
});

test('doctor names what is wrong and what to do, as lines and as JSON', async () => {
  const cwd = await folders.create();
  await initProject(cwd);
  const well = await runCli(['doctor', '--json'], { cwd, env: env() });
  type Check = { what: string; state: string; found?: string; advice?: string };
  const checks = JSON.parse(well.stdout).checks as Check[];
  expect(checks.map(({ what, state }) => `${what} ${state}`)).toEqual([
    'CLI ok',
    'Project ok',
    'Server warning',
    'Parts ok',
    'Secret key ok',
    'Integrations warning',
  ]);
  // The server of these tests is of another version.
  expect(checks.find(({ what }) => what === 'Server')).toMatchObject({
    found: expect.stringMatching(/, version \S+, and this CLI is \S+$/),
    advice: 'Bring both to one version.',
  });
  const ill = await runCli(['doctor'], {
    cwd,
    env: { NANGO_HOSTPORT: 'http://127.0.0.1:9', NANGO_SECRET_KEY_DEV: 'x' },
  });
  expect(ill).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("Start it with 'npm start'"),
    stderr: '1 check failed.\n',
  });
});

test.each([
  ['nango dep', 'nango dep', ['deploy']],
  ['nango generate', 'nango generate', ['generate', 'generate:tests', 'generate:docs']],
  // Bash has made three words of the name, and takes the last of them for what is to be completed.
  ['nango generate:', 'nango generate :', ['tests', 'docs']],
  ['nango generate:t', 'nango generate : t', ['tests']],
  ['nango nothing', 'nango nothing', []],
  ['nango test trac', 'nango test trac', ['tracker']],
])('bash completes %s', async (_line, words, expected) => {
  const cwd = await folders.create();
  const { stdout } = await runCli(['completion', 'bash'], { cwd });
  await writeFiles(cwd, { 'nango.bash': stdout, 'tracker/keep': '' });
  const list = words.split(' ');
  const script = `source nango.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nango; for one in "\${COMPREPLY[@]}"; do echo "$one"; done`;
  const ended = await promisify(execFile)('bash', ['-c', script, 'bash', ...list], { cwd });
  expect(ended).toEqual({ stdout: expected.map((one) => `${one}\n`).join(''), stderr: '' });
});

test('completion prints every command for each shell', async () => {
  const cwd = await folders.create();
  for (const shell of ['bash', 'zsh', 'fish'])
    expect((await runCli(['completion', shell], { cwd })).stdout).toMatch(/migrate.+zero-yaml.*doctor/s);
  expect((await runCli(['completion', 'tcsh'], { cwd })).code).toBe(1);
});
