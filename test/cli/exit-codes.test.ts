/** The exit codes of facts, section 1.1: 10 compile, 11 deploy, 12 dryrun, 1 anything else, 0 also for a question that was cancelled. */
import { beforeAll, expect, test } from '@jest/globals';
import { runCli, startCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { useUpstream } from '../support/upstream.ts';

const folders = useFolders();
const server = useUpstream();
const WRONG_TYPE =
  "import type { NangoSync } from './models';\nexport default async (nango: NangoSync) => { nango.nope(); };\n";

type Kind = 'good' | 'wrong script' | 'wrong manifest' | 'none';
const places = new Map<Kind, string>();

beforeAll(async () => {
  const [good, script, manifest, none] = [
    await folders.create(),
    await folders.create(),
    await folders.create(),
    await folders.create(),
  ];
  await initProject(good);
  await initProject(script, { 'tasks.ts': WRONG_TYPE });
  await initProject(manifest, { 'nango.yaml': 'integrations: 7\n' });
  places.set('good', good).set('wrong script', script).set('wrong manifest', manifest).set('none', none);
});

const NO_SERVER = { NANGO_HOSTPORT: 'http://127.0.0.1:9', NANGO_SECRET_KEY: 'k' };

test.each<[string, Kind, number]>([
  ['compile', 'good', 0],
  ['compile', 'wrong script', 10],
  ['compile', 'wrong manifest', 10],
  ['generate', 'wrong manifest', 10],
  ['deploy dev', 'wrong script', 10],
  ['deploy dev', 'wrong manifest', 10],
  ['dryrun tasks acme', 'wrong script', 10],
  ['dryrun tasks acme', 'wrong manifest', 10],
  ['deploy dev', 'good', 11],
  ['deploy dev --sync nope', 'good', 11],
  ['dryrun tasks acme', 'good', 12],
  ['dryrun nope acme', 'good', 12],
  ['dryrun tasks acme --lastSyncDate never', 'good', 12],
  ['dryrun post-message acme --input not-json', 'good', 12],
  ['replay some-run', 'good', 12],
  ['compile', 'none', 1],
  ['deploy dev', 'none', 1],
  ['dryrun tasks acme', 'none', 1],
  ['status', 'none', 1],
  ['test', 'none', 1],
  ['pull github issues', 'none', 1],
  ['deplyo', 'good', 1],
  ['deploy', 'good', 1],
  ['compile --loud', 'good', 1],
  ['--help', 'none', 0],
  ['version', 'none', 0],
  ['init', 'good', 0],
])('nango %s, project: %s, ends with %d', async (line, kind, code) => {
  const ended = await runCli(line.split(' '), { cwd: places.get(kind) ?? '', env: NO_SERVER });
  expect([ended.code, ended.stderr]).toEqual([code, code === 0 ? ended.stderr : expect.stringMatching(/\S/)]);
});

test('without a secret key a deployment is 11 and a dry run 12', async () => {
  const call = { cwd: places.get('good') ?? '', env: { NANGO_HOSTPORT: NO_SERVER.NANGO_HOSTPORT } };
  expect((await runCli(['deploy', 'dev'], call)).code).toBe(11);
  expect((await runCli(['dryrun', 'tasks', 'acme'], call)).code).toBe(12);
});

test('a question that is cancelled is 0, and nothing is deployed', async () => {
  const removed = { name: 'old', providerConfigKey: 'task-tracker', connections: 2 };
  server.answerWith({ json: { deletedSyncs: [removed] } });
  const env = { NANGO_HOSTPORT: server.url, NANGO_SECRET_KEY: 'k' };
  const cli = startCli(['deploy', 'dev'], { cwd: places.get('good') ?? '', env, isTty: true });
  await cli.see(/old[\s\S]*\?/);
  cli.interrupt();
  expect((await cli.ended).code).toBe(0);
  expect(server.requests.map(({ url }) => url)).toEqual(['/sync/deploy/confirmation']);
});
