import { expect, test } from '@jest/globals';
import { runCli, useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();

test("a recorded script reads pages by its provider's own settings", async () => {
  const folder = await folders.create();
  await writeFiles(folder, {
    'nango.yaml': `integrations:\n  bitbucket:\n    syncs:\n      repos: { runs: every hour, output: Repo, endpoint: GET /repos }\nmodels:\n  Repo: { id: string }\n`,
    'bitbucket/syncs/repos.ts': `export default async function fetchData(nango: any) {
  for await (const page of nango.paginate({ endpoint: '/2.0/repositories' })) await nango.batchSave(page, 'Repo');
}\n`,
    'bitbucket/tests/repos.test.json': JSON.stringify({
      nango: { batchSave: { Repo: [{ id: '1' }] } },
      api: {
        get: { '/2.0/repositories': [{ request: {}, response: { values: [{ id: '1' }] }, status: 200, headers: {} }] },
      },
    }),
  });
  const { stdout, code } = await runCli(['test', '--json'], { cwd: folder });
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, verdict: 'pass', reason: null });
});
