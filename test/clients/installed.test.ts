/** The package as it is published, installed by npm and by pnpm into an empty folder, does an author's whole work there. */
import { execFile } from 'node:child_process';
import { access, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { useFolders } from '../support/cli.ts';
import { createTracker } from '../support/deployment.ts';
import { machineNode } from '../support/machine-node.ts';
import { writeFiles } from '../support/project-files.ts';
import { useUpstream } from '../support/upstream.ts';

const run = promisify(execFile);
const CLONE = fileURLToPath(new URL('../..', import.meta.url));
const CACHE = join(CLONE, 'node_modules', '.cache');
const PNPM = '12.4.2';
const SLOW = 590_000;
const api = useApi();
const folders = useFolders();
const upstream = useUpstream();
let built = '';
let tarball = '';
/** Where npm has installed it. */
let installed = '';

beforeAll(async () => {
  const folder = await folders.create();
  built = join(folder, 'built');
  await run(process.execPath, [join(CLONE, 'bin', 'package.ts'), built]);
  tarball = await pack(built, folder);
  await createTracker(api, 'task-tracker', ['acme'], upstream.url);
}, SLOW);

async function pack(packageFolder: string, into: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', into], { cwd: packageFolder });
  return join(into, stdout.trim());
}

/** pnpm itself, installed once beside the packages: nothing else needs it. */
async function pnpm(): Promise<string> {
  const home = join(CACHE, `pnpm-${PNPM}`);
  const script = join(home, 'node_modules', '.bin', 'pnpm');
  const isThere = await access(script).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    await mkdir(home, { recursive: true });
    await writeFile(join(home, 'package.json'), '{"private":true}');
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', `pnpm@${PNPM}`], { cwd: home });
  }
  return script;
}

/** No script of a dependency runs: pnpm and newer npm want each to be allowed, and none is needed. */
const INSTALL = {
  npm: (cwd: string) =>
    run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', tarball], { cwd }),
  pnpm: async (cwd: string) =>
    run(
      await pnpm(),
      ['add', '--ignore-scripts', '--prefer-offline', `--store-dir=${join(CACHE, 'pnpm-store')}`, tarball],
      {
        cwd,
      },
    ),
} as const;

test.each(['npm', 'pnpm'] as const)(
  'installed by %s, nango makes, compiles, dry-runs, records and tests a project',
  async (tool) => {
    const cwd = await folders.create();
    await writeFile(join(cwd, 'package.json'), '{"private":true}');
    await INSTALL[tool](cwd);
    if (tool === 'npm') {
      installed = cwd;
      // As the package.json of a project names it.
      await symlink('nango-temporal', join(cwd, 'node_modules', 'nango'));
    }
    upstream.handleWith(() => ({
      status: 200,
      body: '{"tasks":[{"id":"t1","title":"One","done":false,"assignee":null,"updated_at":"2026-01-01T00:00:00Z","deleted":false}],"next_cursor":null}',
    }));
    const env = { ...process.env, NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY: api.key, CI: '1' };
    const nango = (...argv: readonly string[]) =>
      run(join(cwd, 'node_modules', '.bin', 'nango'), [...argv], { cwd, env });
    expect((await nango('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await nango('init')).stdout).toContain('Wrote nango-integrations/tasks.ts\n');
    expect((await nango('compile')).stdout).toBe('Compiled 1 sync and 1 action without mistakes.\n');
    const dry = JSON.parse((await nango('dryrun', 'tasks', 'acme', '--json', '--save')).stdout);
    expect(dry).toMatchObject({ requests: 1, models: { Task: { saved: [{ id: 't1', title: 'One' }] } } });
    expect((await nango('test')).stdout).toMatch(/^pass .*tasks .*\n1 passed, 0 failed/);
  },
  SLOW,
);

test(
  'installed, it describes definitions, bundles them and repeats a recording',
  async () => {
    const cwd = join(installed, 'project');
    await writeFiles(cwd, {
      'index.ts': '',
      '.nango/keep': '',
      'tracker/tests/echo.test.json': '{"input":{"text":"a"},"output":{"ok":true},"nango":{},"api":{}}',
    });
    const nango = (...argv: readonly string[]) =>
      run(join(installed, 'node_modules', '.bin', 'nango'), [...argv], { cwd });
    await nango('create', 'tracker', 'tasks');
    await writeFiles(cwd, {
      'index.ts': "import './tracker/syncs/tasks.js';\nimport './tracker/actions/echo.js';\n",
      'tracker/actions/echo.ts': `import { createAction } from 'nango';
import { z } from 'zod';
export default createAction({ description: 'E', input: z.object({ text: z.string() }), output: z.object({ ok: z.boolean() }), exec: async (_, input) => ({ ok: input.text === 'a' }) });
`,
    });
    expect((await nango('compile')).stdout).toBe('Compiled 1 sync and 1 action without mistakes.\n');
    expect((await nango('test')).stdout).toMatch(/^pass tracker\/echo .*\n1 passed, 0 failed/);
  },
  SLOW,
);

const VITEST = '5.1.1';
const SYNC = `import { createSync } from 'nango';
import { z } from 'zod';
export default createSync({
  description: 'T', frequency: 'every hour', autoStart: true, models: { Task: z.object({ id: z.string() }) },
  exec: async (nango) => {
    const { connection_config } = await nango.getConnection();
    for await (const page of nango.paginate<any>({ endpoint: '/tasks', params: { site: connection_config['site'] },
      paginate: { type: 'cursor', cursor_path_in_response: 'next', cursor_name_in_request: 'c', response_path: 'tasks' } }))
      await nango.batchSave(page, 'Task');
    await nango.batchDelete([{ id: 'old' }], 'Task');
  },
});
`;
/** In the manner of files that users have: members replaced, time stopped, calls looked at. */
const OF_A_USER = `import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import sync from '../syncs/tasks.js';
import action from '../actions/due.js';

describe('a file of a user', () => {
  beforeEach(() => vi.useFakeTimers({ now: new Date('2026-02-03T00:00:00Z'), toFake: ['Date'] }));
  afterEach(() => vi.useRealTimers());

  it('runs a sync on its recording, with a connection of its own', async () => {
    const nangoMock = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'tasks', Model: 'Task' });
    nangoMock.getConnection.mockResolvedValue({ connection_config: { site: 'eu' } });
    const saves = vi.spyOn(nangoMock, 'batchSave');
    await sync.exec(nangoMock);
    expect(saves.mock.calls.filter(([, model]) => model === 'Task').flatMap(([rows]) => rows)).toStrictEqual(await nangoMock.getBatchSaveData('Task'));
    expect(nangoMock.batchDelete).toHaveBeenCalledWith(await nangoMock.getBatchDeleteData('Task'), 'Task');
    expect(nangoMock.getConnection).toHaveBeenCalledTimes(1);
  });

  it('runs an action, which may fail as it likes', async () => {
    const nangoMock = new global.vitest.NangoActionMock({ dirname: __dirname, name: 'due', Model: 'ActionOutput_tracker_due' });
    expect(await action.exec(nangoMock, await nangoMock.getInput())).toEqual(await nangoMock.getOutput());
    await expect(action.exec(nangoMock, { days: -1 })).rejects.toThrow(nangoMock.ActionError);
  });
});
`;

test(
  'vitest files that generate:tests writes, and those that users have, run on the package and fail where scripts changed',
  async () => {
    const cwd = join(installed, 'tested');
    const page = (params: object, ids: readonly string[], next: string | null) => ({
      request: { params, headers: {} },
      response: { tasks: ids.map((id) => ({ id })), next },
      status: 200,
      headers: {},
    });
    await writeFiles(cwd, {
      'package.json': '{"private":true,"type":"module"}',
      'index.ts': "import './tracker/syncs/tasks.js';\nimport './tracker/actions/due.js';\n",
      '.nango/keep': '',
      'tracker/syncs/tasks.ts': SYNC,
      'tracker/actions/due.ts': `import { createAction } from 'nango';
import { z } from 'zod';
export default createAction({
  description: 'D', input: z.object({ days: z.number() }), output: z.object({ id: z.string() }),
  exec: async (nango, { days }) => {
    if (days < 0) throw new nango.ActionError({ message: 'never' });
    return (await nango.post<any>({ endpoint: '/due', data: { days } })).data;
  },
});
`,
      'tracker/tests/tasks.test.json': JSON.stringify({
        nango: {
          getConnection: { connection_config: { site: 'eu' } },
          batchSave: { Task: [{ id: '1' }, { id: '2' }] },
          batchDelete: { Task: [{ id: 'old' }] },
        },
        api: { get: { '/tasks': [page({ site: 'eu' }, ['1'], 'n'), page({ site: 'eu', c: 'n' }, ['2'], null)] } },
      }),
      'tracker/tests/due.test.json': JSON.stringify({
        input: { days: 2 },
        output: { id: '7' },
        nango: {},
        api: { post: { '/due': { request: { data: { days: 2 } }, response: { id: '7' }, status: 201, headers: {} } } },
      }),
      'tracker/tests/own.test.ts': OF_A_USER,
    });
    // Beside the project: in the folder above, npm would take the link away that it has not made.
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', `vitest@${VITEST}`];
    await run('npm', install, { cwd });
    await run(join(installed, 'node_modules', '.bin', 'nango'), ['generate:tests'], { cwd });
    const vitest = async () => {
      const program = join(cwd, 'node_modules', 'vitest', 'vitest.mjs');
      const argv = [program, 'run', '--reporter=json', '--outputFile=results.json'];
      const code = await run(process.execPath, argv, { cwd }).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
      const { numPassedTests, numFailedTests } = JSON.parse(await readFile(join(cwd, 'results.json'), 'utf8'));
      return { code, numPassedTests, numFailedTests } as unknown;
    };
    expect(await vitest()).toEqual({ code: 0, numPassedTests: 4, numFailedTests: 0 });
    await writeFiles(cwd, { 'tracker/syncs/tasks.ts': SYNC.replace("(page, 'Task')", "(page.slice(1), 'Task')") });
    expect(await vitest()).toEqual({ code: 1, numPassedTests: 2, numFailedTests: 2 });
  },
  SLOW,
);

test(
  'projects import nango and nango/test from the package',
  async () => {
    const text =
      "import { createAction } from 'nango'; import { NangoActionMock } from 'nango/test'; console.log(createAction({}).type, typeof NangoActionMock);";
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', text], { cwd: installed });
    expect(stdout).toBe('action function\n');
  },
  SLOW,
);

test('the sources of the clone are not packed, and what makes the package is named', async () => {
  await expect(run('npm', ['pack', '--dry-run'], { cwd: CLONE })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("'npm run package' makes the package"),
  });
});

const old = await machineNode();
// Skipped where there is no older Node to try.
const testWithOldNode = old !== undefined && old.major < 24 ? test : test.skip;

testWithOldNode(
  'under an older Node the install ends with the one that is needed, before anything is built',
  async () => {
    const cwd = await folders.create();
    // The package's own entry and check, with one dependency in the place of isolated-vm, whose build fails.
    await writeFiles(join(cwd, 'native'), {
      'package.json': JSON.stringify({
        name: 'native',
        version: '1.0.0',
        scripts: { install: 'echo building >&2; exit 1' },
      }),
    });
    const native = await pack(join(cwd, 'native'), cwd);
    const own = join(cwd, 'own');
    await cp(join(built, 'bin'), join(own, 'bin'), { recursive: true });
    const entry = JSON.parse(await readFile(join(built, 'package.json'), 'utf8')) as object;
    await writeFiles(own, { 'package.json': JSON.stringify({ ...entry, dependencies: { native: `file:${native}` } }) });
    const argv = [
      'install',
      '--global',
      '--prefix',
      join(cwd, 'prefix'),
      '--no-audit',
      '--no-fund',
      await pack(own, cwd),
    ];
    const env = { ...process.env, PATH: [dirname(old?.path ?? ''), process.env['PATH']].join(delimiter) };
    const failed = await run('npm', argv, { cwd, env }).catch((error: { stderr: string }) => error);
    expect(failed.stderr).toMatch(
      /nango-temporal needs Node 24 or later and this is Node \d+\.\d+\.\d+: install it from/,
    );
    expect(failed.stderr).not.toContain('building');
  },
  SLOW,
);
