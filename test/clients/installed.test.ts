/** The package as it is published, installed by npm and by pnpm into an empty folder, does an author's whole work there. */
import { execFile } from 'node:child_process';
import { access, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { useFolders } from '../support/cli.ts';
import { createTracker } from '../support/deployment.ts';
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
let tarball = '';
/** Where npm has installed it. */
let installed = '';

beforeAll(async () => {
  const folder = await folders.create();
  await run(process.execPath, [join(CLONE, 'bin', 'package.ts'), join(folder, 'built')]);
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: join(folder, 'built'),
  });
  tarball = join(folder, stdout.trim());
  await createTracker(api, 'task-tracker', ['acme'], upstream.url);
}, SLOW);

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
    if (tool === 'npm') installed = cwd;
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

test(
  'projects import nango and nango/test from the package',
  async () => {
    await symlink(join(installed, 'node_modules', 'nango-temporal'), join(installed, 'node_modules', 'nango'));
    const text =
      "import { createAction } from 'nango'; import { NangoActionMock } from 'nango/test'; console.log(createAction({}).type, typeof NangoActionMock);";
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', text], { cwd: installed });
    expect(stdout).toBe('action function\n');
  },
  SLOW,
);
