import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { type BuildResult, openBuild } from '../../cli/build.ts';
import { compileProject } from '../../cli/compile.ts';
import { useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();
let folder = '';

const SYNC = `import { createSync } from 'nango';
import * as z from 'zod';
import { shown } from '../shared/index.js';
const Task = z.object({ id: z.string() });
export default createSync({
  description: 'Tasks', frequency: 'every hour', autoStart: true, models: { Task },
  exec: async (nango) => { await nango.batchSave([{ id: shown }], 'Task'); },
});
`;
const ACTION = `import { createAction } from 'nango';
import * as z from 'zod';
export default createAction({
  description: 'Adds', input: z.object({ a: z.number() }), output: z.number(),
  exec: async (nango, { a }) => { nango.log('adding');
    return a + one;
  },
});
`;

beforeEach(async () => {
  folder = await folders.create();
  await writeFiles(folder, {
    'index.ts': "import './tracker/syncs/tasks.js';\nimport './tracker/actions/add.js';\n",
    'tracker/syncs/tasks.ts': SYNC,
    'tracker/actions/add.ts': ACTION,
    // Nothing of the first file is left in a bundle, and yet it decides what is.
    'tracker/shared/index.ts': "export { shown } from './a.js';\n",
    'tracker/shared/a.ts': "export const shown: string = 'a';\n",
    'tracker/shared/b.ts': "export const shown: string = 'b';\n",
  });
  const past = new Date(Date.now() - 60_000);
  for (const file of await readdir(folder, { recursive: true })) await utimes(join(folder, file), past, past);
});

async function build(): Promise<Pick<BuildResult, 'mistakes' | 'warnings' | 'bundled'>> {
  const opened = openBuild({ folder, form: 'zero-yaml' });
  try {
    const { mistakes, warnings, bundled } = await opened.run();
    return { mistakes, warnings, bundled };
  } finally {
    await opened.close();
  }
}

test('a second build bundles nothing and says the same', async () => {
  const first = await build();
  expect(first).toMatchObject({ bundled: 2 });
  expect(first.mistakes.map((line) => line.slice(0, 60))).toEqual([
    expect.stringMatching(/add\.ts:5:\d+: nango\.log is not awaited/),
    expect.stringMatching(/add\.ts:6:\d+: TS2304/),
  ]);
  expect(await build()).toEqual({ ...first, bundled: 0 });
});

test('U084: a file of which no code is left is one that scripts are made of', async () => {
  await build();
  await writeFile(join(folder, 'tracker/shared/index.ts'), "export { shown } from './b.js';\n");
  expect(await build()).toMatchObject({ bundled: 1 });
});

test('a file that comes may be the one that an import means', async () => {
  await build();
  await writeFile(join(folder, 'tracker/shared/c.ts'), '');
  expect(await build()).toMatchObject({ bundled: 2 });
});

test('a cache that is damaged or gone is made anew', async () => {
  const first = await build();
  const cache = join(folder, '.nango/cache');
  expect(await readFile(join(cache, '.gitignore'), 'utf8')).toBe('*\n');
  for (const file of await readdir(cache, { recursive: true }))
    if (file.endsWith('.json') && !file.endsWith('tsconfig.json')) await writeFile(join(cache, file), '{"key":');
  expect(await build()).toEqual(first);
  await rm(cache, { recursive: true });
  expect(await build()).toEqual(first);
});

test('what is deployed is bundled from its sources, whatever the cache holds', async () => {
  await writeFile(
    join(folder, 'tracker/actions/add.ts'),
    ACTION.replace('nango.log', 'await nango.log').replace('one', '1'),
  );
  const project = { folder, form: 'zero-yaml' as const };
  const past = new Date(Date.now() - 60_000);
  await utimes(join(folder, 'tracker/actions/add.ts'), past, past);
  const [made] = (await compileProject(project)).scripts;
  const bundles = join(folder, '.nango/cache/bundles');
  for (const file of await readdir(bundles)) {
    const stored = JSON.parse(await readFile(join(bundles, file), 'utf8'));
    await writeFile(join(bundles, file), JSON.stringify({ ...stored, bundle: { ...stored.bundle, code: '// other' } }));
  }
  expect((await compileProject(project)).scripts[0]?.bundle.code).toBe('// other');
  expect((await compileProject(project, { fresh: true })).scripts[0]?.bundle).toEqual(made?.bundle);
});
