/** Every command that reads has --json, and says nothing else on stdout then. */
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { COMMANDS } from '../../cli/main.ts';
import { useApi } from '../support/api.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { createTracker } from '../support/deployment.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const folders = useFolders();
const upstream = useUpstream();
let cwd = '';

/** Commands whose purpose is what they write, here or on the server; of all others --json is expected. */
const WRITES = [
  'init',
  'start',
  'generate',
  'create',
  'dev',
  'generate:tests',
  'generate:docs',
  'pull',
  'migrate-config',
];
const MORE_WRITES = ['migrate-to-zero-yaml', 'variables set', 'variables delete', 'integrations create'];
const STILL_MORE = ['connections create', 'connections delete'];
/** Its output is program text for a shell, and a path to put into a command. */
const TEXT = ['completion', 'cli-location'];

async function subcommands(name: string): Promise<string[]> {
  const { stdout } = await runCli([name, '--help'], { cwd: '/' });
  const listed = /\nCommands:\n((?: {2}.*\n)+)/.exec(stdout)?.[1] ?? '';
  const names = [...listed.matchAll(/^ {2}([\w-]+)/gm)].map(([, sub]) => `${name} ${sub}`);
  return names.filter((sub) => sub !== `${name} help`);
}

test('every command has --json or only writes', async () => {
  const without: string[] = [];
  for (const name of Object.keys(COMMANDS)) {
    const leaves = await subcommands(name);
    for (const leaf of leaves.length === 0 ? [name] : leaves) {
      const { stdout } = await runCli([...leaf.split(' '), '--help'], { cwd: '/' });
      if (!/^ {2}--json /m.test(stdout)) without.push(leaf);
    }
  }
  expect(without.toSorted()).toEqual([...WRITES, ...MORE_WRITES, ...STILL_MORE, ...TEXT].toSorted());
});

const env = () => ({ NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY: api.key });
const nango = (line: string) => runCli(line.split(' '), { cwd, env: env() });
let run = '';

beforeAll(async () => {
  cwd = await folders.create();
  await initProject(cwd);
  await createTracker(api, 'task-tracker', ['acme'], upstream.url);
  await createTracker(api, 'team-chat', []);
  const { code, stderr } = await nango('deploy dev');
  if (code !== 0) throw new Error(stderr);
  run = JSON.parse((await nango('trigger task-tracker tasks acme --json')).stdout).runs[0].run_id;
});

beforeEach(() => {
  upstream.handleWith(() => ({ status: 200, body: '{"tasks":[],"next_cursor":null}' }));
});

test.each([
  ['version', { version: expect.any(String) }],
  ['compile', { scripts: expect.any(Array) }],
  ['deploy dev --plan', { plan: { newSyncs: [], deletedSyncs: [] } }],
  ['dryrun tasks acme', { requests: 1, models: {} }],
  ['doctor', { checks: expect.any(Array) }],
  ['providers tracker', { data: expect.any(Array) }],
  ['integrations list', { data: [{ unique_key: 'task-tracker' }, { unique_key: 'team-chat' }] }],
  ['connections list', { connections: [{ connection_id: 'acme' }] }],
  ['variables list', []],
  ['records task-tracker acme Task', { records: [], next_cursor: null }],
  ['status', { syncs: [{ connection_id: 'acme' }] }],
  ['runs', { runs: expect.any(Array) }],
  ['run <run>', { name: 'tasks', logs: [] }],
  ['logs tasks', { runs: expect.any(Array) }],
  ['trigger task-tracker tasks acme', { runs: [{ state: 'joined' }] }],
  ['cancel <run>', {}],
])('nango %s --json prints one JSON value and nothing else', async (line, value) => {
  const { stdout } = await nango(`${line.replace('<run>', run)} --json`);
  expect(JSON.parse(stdout)).toMatchObject(value);
});

test('deploy --plan deploys nothing, and says the same to people', async () => {
  const before = api.engine.calls.length;
  const { code, stdout } = await nango('deploy dev --plan');
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^Plan for environment 'dev' at .*\n.*Unchanged: 2 scripts\.\n$/s),
  ]);
  expect(api.engine.calls.length).toBe(before);
});
