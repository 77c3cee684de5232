/** Projects as pnpm installs them: links into a store, where a package finds only what it asked for itself. */
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const folders = useFolders();
const upstream = useUpstream();

const SCRIPT = `import { createSync } from 'nango';
import { titleOf } from 'titles';
import * as z from 'zod';
export default createSync({
  description: 'Tasks', frequency: 'every hour', autoStart: true,
  models: { Task: z.object({ id: z.string(), title: z.string() }) },
  exec: async (nango) => {
    const { data } = await nango.get<{ tasks: { id: string; name: string }[] }>({ endpoint: '/tasks' });
    await nango.batchSave(data.tasks.map(({ id, name }) => ({ id, title: titleOf(name) })), 'Task');
  },
});
`;
const STORE = 'node_modules/.pnpm';

/** `titles` needs `letters`, which only the store's own folder for it leads to. */
async function installedByPnpm(): Promise<string> {
  const cwd = await folders.create();
  const packageFile = (name: string) => JSON.stringify({ name, version: '1.0.0', type: 'module', main: 'index.js' });
  await writeFiles(cwd, {
    'index.ts': "import './tracker/syncs/tasks.js';\n",
    'package.json': JSON.stringify({ private: true, dependencies: { titles: '1.0.0' } }),
    'pnpm-lock.yaml': "lockfileVersion: '9.0'\n",
    'tracker/syncs/tasks.ts': SCRIPT,
    [`${STORE}/titles@1.0.0/node_modules/titles/package.json`]: packageFile('titles'),
    [`${STORE}/titles@1.0.0/node_modules/titles/index.js`]:
      "import { upper } from 'letters';\nexport const titleOf = (text) => upper(text) + '!';\n",
    [`${STORE}/titles@1.0.0/node_modules/titles/index.d.ts`]: 'export function titleOf(text: string): string;\n',
    [`${STORE}/letters@1.0.0/node_modules/letters/package.json`]: packageFile('letters'),
    [`${STORE}/letters@1.0.0/node_modules/letters/index.js`]: 'export const upper = (text) => text.toUpperCase();\n',
  });
  const link = async (from: string, to: string): Promise<void> => {
    const at = join(cwd, from);
    await mkdir(dirname(at), { recursive: true });
    await symlink(relative(dirname(at), join(cwd, to)), at);
  };
  await link('node_modules/titles', `${STORE}/titles@1.0.0/node_modules/titles`);
  await link(`${STORE}/titles@1.0.0/node_modules/letters`, `${STORE}/letters@1.0.0/node_modules/letters`);
  return cwd;
}

test('a project installed by pnpm compiles, dry-runs and repeats its recording', async () => {
  const cwd = await installedByPnpm();
  await api.call('POST', '/integrations', { body: { unique_key: 'tracker', provider: 'tracker' } });
  const credentials = { type: 'API_KEY', apiKey: 'upstream-key' };
  const connection = { provider_config_key: 'tracker', connection_id: 'acme', credentials };
  await api.call('POST', '/connections', { body: { ...connection, connection_config: { baseUrl: upstream.url } } });
  upstream.handleWith(() => ({ status: 200, body: JSON.stringify({ tasks: [{ id: '1', name: 'write' }] }) }));
  const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key };
  expect(await runCli(['compile'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  const dry = await runCli(['dryrun', 'tasks', 'acme', '--save'], { cwd, env });
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('WRITE!') });
  expect(await runCli(['test'], { cwd })).toMatchObject({ code: 0, stdout: expect.stringContaining('1 passed') });
});
