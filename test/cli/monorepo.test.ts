import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runCli, useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();

const ACTION = `import { title } from '@acme/shared';
import { createAction } from 'nango';
import { z } from 'zod';
export default createAction({
  description: 'Shows a title', input: z.object({ text: z.string() }), output: z.object({ title: z.string() }),
  exec: async (_nango, { text }) => ({ title: title(text) }),
});
`;
const UPPER = 'export const title = (text: string): string => text.toUpperCase();\n';

test('a project in a monorepo whose path has spaces, reached by a link, takes the packages beside it', async () => {
  const root = join(await folders.create(), 'my repos', 'größe & co');
  const shared = join(root, 'packages/shared/index.ts');
  await writeFiles(root, {
    'package.json': '{"name":"mono","workspaces":["packages/*"]}',
    'packages/shared/package.json':
      '{"name":"@acme/shared","type":"module","main":"index.ts","types":"index.ts","version":"1.0.0"}',
    'packages/shared/index.ts': UPPER,
    'packages/integrations/package.json': '{"name":"@acme/integrations","type":"module"}',
    'packages/integrations/index.ts': "import './tracker/actions/show.js';\n",
    'packages/integrations/tracker/actions/show.ts': ACTION,
    'packages/integrations/tracker/tests/show.test.json':
      '{"input":{"text":"a"},"output":{"title":"A"},"nango":{},"api":{}}',
  });
  await mkdir(join(root, 'node_modules/@acme'), { recursive: true });
  await symlink('../../packages/shared', join(root, 'node_modules/@acme/shared'));
  const cwd = join(await folders.create(), 'link');
  await symlink(join(root, 'packages/integrations'), cwd);

  const compiled = 'Compiled 0 syncs and 1 action without mistakes.\n';
  expect(await runCli(['compile'], { cwd })).toEqual({ code: 0, stdout: compiled, stderr: '' });
  expect((await runCli(['test'], { cwd })).stdout).toMatch(/^pass tracker\/show .*\n1 passed, 0 failed/);

  // A package elsewhere in the repository is a part of the script, its types as much as its code.
  await writeFile(shared, UPPER.replace('toUpperCase', 'toLowerCase'));
  const changed = await runCli(['test'], { cwd });
  expect({ code: changed.code, stdout: changed.stdout }).toEqual({
    code: 1,
    stdout: expect.stringMatching(/^fail tracker\/show\n {4}output\.title: /),
  });
  await writeFile(shared, 'export const title = (text: string): number => text.length;\n');
  expect(await runCli(['compile'], { cwd })).toMatchObject({
    code: 10,
    stderr: expect.stringMatching(/^tracker\/actions\/show\.ts:6:\d+: TS2322: /),
  });
});
