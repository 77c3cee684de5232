import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { runCli, useFolders } from '../support/cli.ts';

const api = useApi();
const folders = useFolders();

async function nango(line: string, stdin = '') {
  const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key, NANGO_SECRET_KEY_PROD: api.otherKey };
  return runCli(line.split(' '), { cwd: await folders.create(), env, stdin });
}

test('variables are set from stdin, listed without their values, read as JSON with them, and deleted', async () => {
  expect(await nango('variables list')).toEqual({ code: 0, stdout: "No variables in 'dev'.\n", stderr: '' });
  expect((await nango('variables set TOKEN', 'a secret\n')).stdout).toBe("Set variable 'TOKEN' in 'dev'.\n");
  expect((await nango('variables set REGION', 'eu')).code).toBe(0);
  expect((await nango('variables set TOKEN', 'another\nof two lines\n')).code).toBe(0);
  const listed = await nango('variables list');
  expect(listed.stdout).toMatch(
    /^variable +value\n(TOKEN +20 characters|REGION +2 characters)\n(TOKEN|REGION) +\d+ characters\n$/,
  );
  expect(listed.stdout).not.toContain('another');
  expect(JSON.parse((await nango('variables list --json')).stdout)).toEqual(
    expect.arrayContaining([
      { name: 'TOKEN', value: 'another\nof two lines' },
      { name: 'REGION', value: 'eu' },
    ]),
  );
  expect((await nango('variables delete TOKEN')).stdout).toBe("Deleted variable 'TOKEN' of 'dev'.\n");
  expect(JSON.parse((await nango('variables list --json')).stdout)).toEqual([{ name: 'REGION', value: 'eu' }]);
});

test('another environment has its own, and what is wrong is said', async () => {
  expect((await nango('variables set ONLY_PROD -e prod', 'x')).stdout).toBe("Set variable 'ONLY_PROD' in 'prod'.\n");
  expect((await nango('variables list --json')).stdout).not.toContain('ONLY_PROD');
  expect(await nango('variables delete NONE')).toEqual({
    code: 1,
    stdout: '',
    stderr: "No variable 'NONE' in 'dev': 'nango variables list' shows them.\n",
  });
  const odd = await nango('variables set with-a-dash', 'x');
  expect([odd.code, odd.stdout]).toEqual([1, '']);
  expect(odd.stderr).toMatch(/name/);
});
