import { beforeAll, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { type CliCall, runCli, startCli, useFolders } from '../support/cli.ts';

const api = useApi();
const folders = useFolders();
let cwd = '';

const call = (changes: Partial<CliCall> = {}): CliCall => ({
  cwd,
  env: { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key, NANGO_SECRET_KEY_PROD: api.otherKey },
  ...changes,
});
const nango = (argv: readonly string[], changes: Partial<CliCall> = {}) => runCli(argv, call(changes));
const stored = async (integration: string, id: string) =>
  (await api.call('GET', `/connections/${encodeURIComponent(id)}?provider_config_key=${integration}`)).body;

beforeAll(async () => {
  cwd = await folders.create();
});

test('an integration is created in the environment that is named, and listed there alone', async () => {
  const created = await nango(['integrations', 'create', 'tracker', '--provider', 'tracker']);
  expect(created.stdout).toBe("Created integration 'tracker' of provider 'tracker' in 'dev'.\n");
  expect((await nango(['integrations', 'list'])).stdout).toMatch(
    /^integration +provider +created\ntracker +tracker +2026/,
  );
  expect((await nango(['integrations', 'list', '-e', 'prod'])).stdout).toBe("No integrations in 'prod'.\n");
  const json = await nango(['integrations', 'list', '--json']);
  expect(JSON.parse(json.stdout).data).toMatchObject([{ unique_key: 'tracker', provider: 'tracker' }]);
});

test('an unknown provider is 1 with names like it', async () => {
  const { code, stderr } = await nango(['integrations', 'create', 'x', '--provider', 'trackre']);
  expect(code).toBe(1);
  expect(stderr).toContain("'tracker'");
});

test('an API key comes from stdin, with config and metadata beside it', async () => {
  const flags = ['--api-key-stdin', '--connection-config', '{"baseUrl":"https://t.example"}', '-m', '{"team":"blue"}'];
  const { code, stdout } = await nango(['connections', 'create', 'tracker', 'acme', ...flags], {
    stdin: 'secret-key\r\n',
  });
  expect({ code, stdout }).toEqual({ code: 0, stdout: "Saved connection 'acme' of integration 'tracker' in 'dev'.\n" });
  expect(await stored('tracker', 'acme')).toMatchObject({
    credentials: { type: 'API_KEY', apiKey: 'secret-key' },
    connection_config: { baseUrl: 'https://t.example' },
    metadata: { team: 'blue' },
  });
});

test('on a terminal the API key is asked for and never shown', async () => {
  const cli = startCli(['connections', 'create', 'tracker', 'asked'], { ...call(), isTty: true });
  await cli.see('API key');
  cli.type('typed-key\r');
  const { code, stdout, stderr } = await cli.ended;
  expect(code).toBe(0);
  expect(stdout + stderr).not.toContain('typed');
  expect((await stored('tracker', 'asked')).credentials.apiKey).toBe('typed-key');
});

test.each([
  [['tracker', 'x'], '', /API key is missing.*--api-key-stdin/],
  [['tracker', 'x', '--api-key-stdin'], ' \n', /API key is empty/],
  [['tracker', 'x', '--api-key-stdin', '--connection-config', 'baseUrl'], 'k', /--connection-config is no JSON/],
  [['basic', 'x'], '', /type BASIC.*--credentials-stdin.*"username"/],
  [['basic', 'x', '--credentials-stdin'], 'user:password', /stdin .* is no JSON object/],
  [['nowhere', 'x'], '', /'nowhere'/],
])('connections create %j is 1 and says what is expected', async (argv, stdin, message) => {
  await nango(['integrations', 'create', 'basic', '--provider', 'basic-tracker']);
  const { code, stderr } = await nango(['connections', 'create', ...argv], { stdin });
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
});

test('other credentials come from stdin as JSON, and a provider without any needs none', async () => {
  const stdin = '{"type":"BASIC","username":"ada","password":"secret"}';
  expect((await nango(['connections', 'create', 'basic', 'b', '--credentials-stdin'], { stdin })).code).toBe(0);
  expect((await stored('basic', 'b')).credentials).toMatchObject({ username: 'ada', password: 'secret' });
  await nango(['integrations', 'create', 'open', '--provider', 'open-tracker']);
  expect((await nango(['connections', 'create', 'open', 'o'])).code).toBe(0);
});

test('connections are listed, all or those of one integration', async () => {
  const all = await nango(['connections', 'list']);
  expect(all.stdout).toMatch(/^connection +integration +provider +created\n/);
  expect(all.stdout).toContain('acme');
  const some = await nango(['connections', 'list', '-i', 'open', '--json']);
  expect(JSON.parse(some.stdout).connections).toMatchObject([{ connection_id: 'o' }]);
  expect((await nango(['connections', 'list', '-e', 'prod'])).stdout).toBe("No connections in 'prod'.\n");
});

test('a connection is deleted after a yes on the terminal or with --auto-confirm, otherwise it stays', async () => {
  const id = "odd/id '$' @x";
  await nango(['connections', 'create', 'tracker', id, '--api-key-stdin'], { stdin: 'k' });
  expect((await stored('tracker', id)).connection_id).toBe(id);
  const unasked = await nango(['connections', 'delete', 'tracker', id]);
  expect(unasked).toMatchObject({ code: 1, stderr: expect.stringContaining('--auto-confirm') });
  const refused = startCli(['connections', 'delete', 'tracker', id], { ...call(), isTty: true });
  await refused.see("Type 'yes' to go on:");
  refused.type('no\r');
  expect((await refused.ended).code).toBe(1);
  expect((await stored('tracker', id)).connection_id).toBe(id);
  expect((await nango(['connections', 'delete', 'tracker', id, '--auto-confirm'])).code).toBe(0);
  expect((await stored('tracker', id)).error.code).toBe('unknown_connection');
  expect((await nango(['connections', 'delete', 'tracker', id, '--auto-confirm'])).code).toBe(1);
});
