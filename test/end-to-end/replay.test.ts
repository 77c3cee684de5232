import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createConnection, createIntegration } from '../../platform/example.ts';
import { type CliResult, runCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const platform = usePlatform();
const upstream = useUpstream();
const folders = useFolders();

/** Page 3 has a row without an owner. */
const SOURCE = `export default async function fetchData(nango: any) {
  const token = await nango.getToken();
  for (let page = 0; page < 5; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, params: { token }, baseUrlOverride: 'UPSTREAM' });
    const owner = data.owner.name;
    await nango.batchSave([{ id: page, owner, draw: Math.random() }], 'Task');
    await nango.log('page ' + page);
  }
}
`;
const answerPage = ({ url }: { url: string }) => ({
  json: { owner: url.startsWith('/pages/3') ? null : { name: 'Ann' } },
});

function nango(cwd: string, ...argv: readonly string[]): Promise<CliResult> {
  const { apiUrl, key } = platform.caller;
  return runCli(argv, { cwd, env: { NANGO_HOSTPORT: apiUrl, NANGO_SECRET_KEY: key } });
}

test('a sync that failed in production fails here as it did, and its fix goes on, without one request', async () => {
  const source = SOURCE.replace('UPSTREAM', upstream.url);
  await createIntegration(platform.caller, 'task-tracker', 'example-tracker');
  await createConnection(platform.caller, 'task-tracker', 'acme');
  await deployScripts(platform.caller, 'task-tracker', [{ name: 'tasks', source }]);
  upstream.handleWith(answerPage);
  const run = await runSync(platform, { integration: 'task-tracker', connection: 'acme', name: 'tasks' });
  expect(run).toMatchObject({ state: 'failed', error: { location: { file: 'tasks.ts', line: 5 } } });
  const requests = upstream.requests.length;

  const project = await initProject(await folders.create());
  const failed = await nango(project, 'replay', run.id);
  expect([failed.code, failed.stderr]).toEqual([12, expect.stringContaining(run.error?.message ?? 'no error')]);
  expect(failed.stdout).toContain('The journal ends here: the run failed with the same error.');
  expect(failed.stdout).toMatch(/GET \/pages\/3 .*\(masked credentials\.\w+\)/);
  expect(failed.stdout.match(/info page \d/g)).toEqual(['info page 0', 'info page 1', 'info page 2']);

  await writeFile(join(project, 'tasks.ts'), source.replace('data.owner.name', "data.owner?.name ?? 'nobody'"));
  const fixed = await nango(project, 'replay', run.id, '--code', 'local');
  expect([fixed.code, fixed.stderr]).toEqual([0, '']);
  expect(fixed.stdout).toContain('"owner":"nobody"');
  expect(fixed.stdout).toMatch(/The journal ends here, before GET \/pages\/4 .*: the run failed with tasks\.ts:5:30/);
  expect(upstream.requests).toHaveLength(requests);
}, 60_000);

test('a run that succeeded leaves no journal', async () => {
  const source = SOURCE.replace('UPSTREAM', upstream.url).replace('page < 5', 'page < 2');
  await createIntegration(platform.caller, 'task-tracker', 'example-tracker');
  await createConnection(platform.caller, 'task-tracker', 'globex');
  await deployScripts(platform.caller, 'task-tracker', [{ name: 'short', source }]);
  upstream.handleWith(answerPage);
  const run = await runSync(platform, { integration: 'task-tracker', connection: 'globex', name: 'short' });
  expect(run.state).toBe('success');
  const { code, stderr } = await nango(await folders.create(), 'replay', run.id);
  expect([code, stderr]).toEqual([12, expect.stringContaining('NANGO_JOURNAL_KEEP=failed')]);
}, 60_000);
