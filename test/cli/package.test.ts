import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from '@jest/globals';
import { useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const run = promisify(execFile);
const CLONE = fileURLToPath(new URL('../..', import.meta.url));
const folders = useFolders();
const SLOW = 240_000;
let cwd = '';

// As an installation lays it out: below node_modules, where Node strips no types, beside the packages it needs.
beforeAll(async () => {
  cwd = await folders.create();
  await run(process.execPath, [join(CLONE, 'bin', 'package.ts'), join(cwd, 'built')]);
  const modules = join(cwd, 'node_modules');
  await mkdir(modules);
  for (const name of await readdir(join(CLONE, 'node_modules')))
    await symlink(join(CLONE, 'node_modules', name), join(modules, name));
  await rename(join(cwd, 'built'), join(modules, 'nango-temporal'));
}, SLOW);

const nango = (...argv: readonly string[]) =>
  run(process.execPath, [join(cwd, 'node_modules', 'nango-temporal', 'bin', 'nango.js'), ...argv], {
    cwd: join(cwd, 'project'),
  });

test(
  'the package runs below node_modules: types, bundles, definitions and recordings',
  async () => {
    await writeFiles(join(cwd, 'project'), {
      'index.ts': '',
      '.nango/keep': '',
      'tracker/tests/echo.test.json': '{"input":{"text":"a"},"output":{"ok":true},"nango":{},"api":{}}',
    });
    expect((await nango('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    await nango('create', 'tracker', 'tasks');
    await writeFiles(join(cwd, 'project'), {
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
    await symlink(join(cwd, 'node_modules', 'nango-temporal'), join(cwd, 'node_modules', 'nango')).catch(
      () => undefined,
    );
    const text =
      "import { createAction } from 'nango'; import { NangoActionMock } from 'nango/test'; console.log(createAction({}).type, typeof NangoActionMock);";
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', text], { cwd });
    expect(stdout).toBe('action function\n');
  },
  SLOW,
);
