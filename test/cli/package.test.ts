import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { dependencyOn } from '../../cli/package.ts';
import { useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();

test.each([
  ['a tarball', { dependencies: { 'nango-temporal': 'file:../nango.tgz' } }, 'file:../../nango.tgz'],
  ['a range of a registry', { devDependencies: { 'nango-temporal': '^0.1.0' } }, 'npm:nango-temporal@^0.1.0'],
  ['another name', { devDependencies: { nango: 'npm:nango-temporal@0.1.0' } }, 'npm:nango-temporal@0.1.0'],
  ['an address', { dependencies: { 'nango-temporal': 'https://a.test/n.tgz' } }, 'https://a.test/n.tgz'],
  ['a repository', { dependencies: { 'nango-temporal': 'acme/nango-temporal' } }, 'acme/nango-temporal'],
  ['a workspace', { dependencies: { 'nango-temporal': 'workspace:*' } }, 'file:../node_modules/nango-temporal'],
  ["the incumbent's", { dependencies: { nango: '^0.69.0' } }, 'file:../node_modules/nango-temporal'],
  ['nobody', {}, 'file:../node_modules/nango-temporal'],
])('a new project names the package as what brought it does: %s', async (_what, above, expected) => {
  const cwd = await realpath(await folders.create());
  const root = join(cwd, 'app', 'node_modules', 'nango-temporal');
  await mkdir(root, { recursive: true });
  await writeFiles(join(cwd, 'app'), {
    'package.json': JSON.stringify(above),
    'node_modules/nango-temporal/package.json': '{"name":"nango-temporal","version":"0.1.0"}',
  });
  const installed = { root, isClone: false };
  expect(dependencyOn(installed, join(cwd, 'app', 'nango-integrations'))).toBe(expected);
});
