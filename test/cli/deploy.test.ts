import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { type CliCall, runCli, startCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const folders = useFolders();
const odd = useUpstream();
let cwd = '';
let folder = '';

const withKey = (changes: Partial<CliCall> = {}): CliCall => ({
  cwd,
  env: { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key },
  ...changes,
});
type Script = { readonly name: string; readonly runs?: string | null; readonly description?: string };

const WITHOUT_SYNC = `integrations:
  team-chat:
    post-message:
      type: action
models:
  Task:
    id: string
    title: string
    done: boolean
    assignee: string | null
    updated_at: date
  PostedMessage:
    ok: boolean
    ts: string
`;

beforeAll(async () => {
  cwd = await folders.create();
  folder = await initProject(cwd);
});

test('on a fresh server deploy is 11 and says how to make the integrations', async () => {
  const { code, stderr } = await runCli(['deploy', 'dev'], withKey());
  expect(code).toBe(11);
  expect(stderr).toContain("'task-tracker'");
  expect(stderr).toContain("'nango integrations create <id> --provider <provider>'");
});

test('deploy prints its plan and then what each script became, with first runs and their links', async () => {
  await runCli(['integrations', 'create', 'task-tracker', '--provider', 'tracker'], withKey());
  await runCli(['integrations', 'create', 'team-chat', '--provider', 'open-tracker'], withKey());
  await runCli(['connections', 'create', 'task-tracker', 'acme', '--api-key-stdin'], withKey({ stdin: 'k\n' }));
  const next = new Date('2026-01-01T00:30:00.000Z');
  api.engine.answer({ nextRunAt: async () => next });
  const { code, stdout, stderr } = await runCli(['deploy', 'dev'], withKey());
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(
    /^Plan for environment 'dev' at http:.*\n.*connections\n\+ {2}sync {4}tasks +task-tracker +1\n\+ {2}action {2}post-message +team-chat +0\n/,
  );
  expect(stdout).toContain("Deployed 2 scripts to 'dev'.\n");
  expect(stdout).toContain(`- sync tasks v0.0.1 (task-tracker): added, 1 connection, next run ${next.toISOString()}\n`);
  expect(stdout).toMatch(/\n {4}first run of 'acme': \S+ {2}http:\/\/temporal\.test\/sync%3Adev/);
});

test('deploying the same again starts no run and says that nothing changed', async () => {
  const { code, stdout } = await runCli(['deploy', 'dev'], withKey());
  expect(code).toBe(0);
  expect(stdout).toContain('No script is added, changed or removed.\nUnchanged: 2 scripts.\n');
  expect(stdout).not.toContain('first run');
});

test('-a deploys that action alone and removes nothing', async () => {
  await writeFile(join(folder, 'nango.yaml'), WITHOUT_SYNC);
  const { code, stdout } = await runCli(['deploy', 'dev', '-a', 'post-message', '-v', '7'], withKey());
  expect(code).toBe(0);
  expect(stdout).toContain('- action post-message v7 (team-chat)');
  expect(stdout).not.toMatch(/^- {2}sync/m);
  expect((await api.call('GET', '/sync/status?syncs=*&provider_config_key=task-tracker')).body.syncs).toHaveLength(1);
});

test('-s with a name that is not there is 11 and lists what is', async () => {
  const { code, stderr } = await runCli(['deploy', 'dev', '-s', 'task'], withKey());
  expect(code).toBe(11);
  expect(stderr).toBe(
    "No script of the project matches sync 'task': expected one of team-chat/post-message (action).\n",
  );
});

test.each([[[]], [['--auto-confirm']], [['--allow-destructive']]])(
  'removing a sync that has connections is 11 without a terminal and with flags %j',
  async (flags) => {
    const { code, stdout, stderr } = await runCli(['deploy', 'dev', ...flags], withKey());
    expect(code).toBe(11);
    expect(stdout).toMatch(/^- {2}sync {4}tasks +task-tracker +1$/m);
    expect(stderr).toContain("1 script in use: 'tasks' of 'task-tracker' (1 connection)");
    expect(stderr).toContain('--auto-confirm --allow-destructive');
    expect((await api.call('GET', '/sync/status?syncs=*&provider_config_key=task-tracker')).body.syncs).toHaveLength(1);
  },
);

test('in CI, and with --no-interactive, a terminal is not asked', async () => {
  for (const [argv, env] of [
    [['deploy', 'dev'], { CI: 'true' }],
    [['deploy', 'dev', '--no-interactive'], {}],
  ] as const) {
    const call = withKey();
    const cli = startCli(argv, { ...call, env: { ...call.env, ...env }, isTty: true });
    expect((await cli.ended).code).toBe(11);
  }
});

test('on a terminal anything but yes deploys nothing and is 11', async () => {
  const cli = startCli(['deploy', 'dev'], { ...withKey(), isTty: true });
  await cli.see("Type 'yes' to go on:");
  cli.type('y\r');
  const { code, stderr } = await cli.ended;
  expect(code).toBe(11);
  expect(stderr).toContain('Nothing was deployed: the removal was not confirmed.');
});

test('a cancelled question deploys nothing and is 0', async () => {
  const cli = startCli(['deploy', 'dev'], { ...withKey(), isTty: true });
  await cli.see("Type 'yes' to go on:");
  cli.type('\x03');
  expect((await cli.ended).code).toBe(0);
  expect((await api.call('GET', '/sync/status?syncs=*&provider_config_key=task-tracker')).body.syncs).toHaveLength(1);
});

test('a typed yes removes the sync', async () => {
  const cli = startCli(['deploy', 'dev'], { ...withKey(), isTty: true });
  await cli.see("Type 'yes' to go on:");
  cli.type('yes\r');
  expect((await cli.ended).code).toBe(0);
  expect((await api.call('GET', '/sync/status?syncs=*&provider_config_key=task-tracker')).body.syncs).toEqual([]);
});

test('both flags together remove without a question', async () => {
  const again = await folders.create();
  await initProject(again);
  await runCli(['deploy', 'dev'], withKey({ cwd: again }));
  const { code } = await runCli(['deploy', 'dev', '--auto-confirm', '--allow-destructive'], withKey());
  expect(code).toBe(0);
  expect((await api.call('GET', '/sync/status?syncs=*&provider_config_key=task-tracker')).body.syncs).toEqual([]);
});

test('NANGO_DEPLOY_AUTO_CONFIRM stands for --auto-confirm, and alone removes nothing', async () => {
  const again = await folders.create();
  await initProject(again);
  await runCli(['deploy', 'dev'], withKey({ cwd: again }));
  const syncs = async () => (await api.call('GET', '/sync/status?syncs=*&provider_config_key=task-tracker')).body.syncs;
  const env = { ...withKey().env, NANGO_DEPLOY_AUTO_CONFIRM: 'true' };
  expect((await runCli(['deploy', 'dev'], withKey({ env }))).code).toBe(11);
  expect(await syncs()).toHaveLength(1);
  expect((await runCli(['deploy', 'dev', '--allow-destructive'], withKey({ env }))).code).toBe(0);
  expect(await syncs()).toEqual([]);
});

test('a mistake in a script is 10 and asks the server nothing', async () => {
  const broken = await folders.create();
  await initProject(broken, { 'tasks.ts': 'export default 7 +;\n' });
  const { code, stderr } = await runCli(['deploy', 'dev'], { cwd: broken, env: { NANGO_HOSTPORT: odd.url } });
  expect(code).toBe(10);
  expect(stderr).toMatch(/^tasks\.ts:1:\d+: /);
  expect(odd.requests).toEqual([]);
});

test.each([
  ['no key', {}, /No secret key for environment 'dev': set NANGO_SECRET_KEY_DEV .*'nango-integrations\/\.env'/],
  [
    'a wrong key',
    { NANGO_SECRET_KEY: 'wrong-key' },
    /refused the key in NANGO_SECRET_KEY: expected the secret key of its environment 'dev' that has not ended\. Set it in .*\.local\/\.env\.\n$/,
  ],
])('%s is 11 and says which variable to set', async (_what, env, message) => {
  const { code, stderr } = await runCli(['deploy', 'dev'], withKey({ env: { NANGO_HOSTPORT: api.url, ...env } }));
  expect(code).toBe(11);
  expect(stderr).toMatch(message);
  expect(stderr).not.toContain('wrong-key');
});

test('no server is 11 and says how to start one', async () => {
  const env = { NANGO_HOSTPORT: 'http://127.0.0.1:9', NANGO_SECRET_KEY: 'k' };
  const { code, stderr } = await runCli(['deploy', 'dev'], withKey({ env }));
  expect(code).toBe(11);
  expect(stderr).toBe(
    "No server answers at 'http://127.0.0.1:9' (ECONNREFUSED): start it with 'npm start', or set NANGO_HOSTPORT to its address.\n",
  );
});

test('a server that is something else is 11 and shows what it answered', async () => {
  odd.answerWith({ status: 404, body: '<h1>Not\u001b[31m here</h1>' });
  const env = { NANGO_HOSTPORT: odd.url, NANGO_SECRET_KEY: 'k' };
  const { code, stderr } = await runCli(['deploy', 'dev'], withKey({ env }));
  expect(code).toBe(11);
  expect(stderr).toContain('answered 404 without JSON (<h1>Not here</h1>)');
  odd.answerWith({ status: 404, body: '{"error":"no such page"}' });
  expect((await runCli(['deploy', 'dev'], withKey({ env }))).stderr).toMatch(
    /^'http:\S+' answered 404 to '\w+ \S+': expected the platform there\. Check NANGO_HOSTPORT\.\n$/,
  );
});

test("U085: an integration's scripts alone are deployed with -i, and another integration's stay", async () => {
  const both = await folders.create();
  await initProject(both);
  await runCli(['deploy', 'dev'], withKey({ cwd: both }));
  const { code, stdout } = await runCli(['deploy', 'dev', '-i', 'team-chat'], withKey({ cwd: both }));
  expect(code).toBe(0);
  expect(stdout).toContain('Deployed 1 script to');
  expect((await api.call('GET', '/sync/status?syncs=*&provider_config_key=task-tracker')).body.syncs).toHaveLength(1);
});

test('U085: of a sync and an action of one name, -s and -a deploy the one that they say', async () => {
  const place = await folders.create();
  const yaml = (frequency: string, description: string) => `integrations:
  team-chat:
    syncs:
      twin:
        runs: ${frequency}
        output: Task
        endpoint: GET /twins
    actions:
      twin:
        description: ${description}
        endpoint: POST /twins
models:
  Task:
    id: string
`;
  const sync = 'export default async function fetchData(nango: any) { await nango.batchSave([], "Task"); }';
  const project = await initProject(place, {
    'nango.yaml': yaml('every hour', 'one'),
    'tasks.ts': null,
    'post-message.ts': null,
    'team-chat/syncs/twin.ts': sync,
    'team-chat/actions/twin.ts': 'export default async function runAction() { return null; }',
  });
  const deploy = (...flags: readonly string[]) =>
    runCli(['deploy', 'dev', '--auto-confirm', '--allow-destructive', ...flags], withKey({ cwd: place }));
  const deployed = async () => {
    const { body } = await api.call('GET', '/scripts/config');
    const all = body as { providerConfigKey: string; syncs: Script[]; actions: Script[] }[];
    const integration = all.find(({ providerConfigKey }) => providerConfigKey === 'team-chat');
    return [...(integration?.syncs ?? []), ...(integration?.actions ?? [])].map((one) => [
      one.name,
      one.runs ?? one.description,
    ]);
  };
  expect((await deploy()).code).toBe(0);
  expect(await deployed()).toEqual([
    ['twin', 'every hour'],
    ['twin', 'one'],
  ]);
  await writeFile(join(project, 'nango.yaml'), yaml('every day', 'two'));
  const first = await deploy('-s', 'twin');
  expect({ code: first.code, stdout: first.stdout.match(/^- .*/gm) }).toEqual({
    code: 0,
    stdout: [expect.stringMatching(/^- sync twin /)],
  });
  expect(await deployed()).toEqual([
    ['twin', 'every day'],
    ['twin', 'one'],
  ]);
  await writeFile(join(project, 'nango.yaml'), yaml('every 2h', 'three'));
  expect((await deploy('-a', 'twin')).code).toBe(0);
  expect(await deployed()).toEqual([
    ['twin', 'every day'],
    ['twin', 'three'],
  ]);
});
