import { beforeAll, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { runCli, useFolders } from '../support/cli.ts';

const api = useApi();
const folders = useFolders();
let cwd = '';
const nango = (...argv: readonly string[]) =>
  runCli(argv, { cwd, env: { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key } });

beforeAll(async () => {
  cwd = await folders.create();
});

test('providers are found by a part of their name and shown with how they are connected', async () => {
  const { code, stdout } = await nango('providers', 'salesforce');
  expect(code).toBe(0);
  expect(stdout).toBe(
    'provider            name                  auth    categories\n' +
      'salesforce          Salesforce            OAUTH2  crm\n' +
      'salesforce-sandbox  Salesforce (sandbox)  OAUTH2  crm\n',
  );
});

test('without a search all are listed, and --json is the answer as it is', async () => {
  expect((await nango('providers')).stdout.split('\n').length).toBeGreaterThan(200);
  const { data } = JSON.parse((await nango('providers', 'linear', '--json')).stdout);
  expect(data).toMatchObject([{ name: 'linear', token_url: 'https://api.linear.app/oauth/token' }]);
});

test('a search without a result says so', async () => {
  const { code, stdout } = await nango('providers', 'zzz');
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: "No provider has 'zzz' in its name or categories: 'nango providers' lists all.\n",
  });
});
