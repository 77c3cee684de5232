/** Every command and flag of the incumbent's command line, of today and of the years of nango.yaml, is taken or answered with advice. */
import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ALIASES, REFUSED } from '../../cli/former.ts';
import { installedPackage } from '../../cli/package.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();
/** Nobody listens there. */
const env = { NANGO_HOSTPORT: 'http://127.0.0.1:9' };

// Called where there is no project and no key: whoever says so has taken every word before.
const NO_PROJECT = /^No nango\.yaml in /;
const NO_KEY = /^No secret key for environment '/;
const DONE = /^$/;

const GLOBAL = ['--auto-confirm', '--debug', '--no-interactive', '--no-dependency-update', '--no-telemetry'];
const TAKEN: readonly (readonly [command: string, flags: readonly string[], answer: RegExp])[] = [
  ['version', GLOBAL, DONE],
  ['init', ['', '--copy', 'my-folder'], DONE],
  ['create github issues', ['', '--sync', '--action', '--on-event'], NO_PROJECT],
  ['create', ['--integration github --name issues --sync'], NO_PROJECT],
  ['compile', ['', ...GLOBAL], NO_PROJECT],
  ['dev', ['', '--no-compile-interfaces', ...GLOBAL], NO_PROJECT],
  ['tsc', ['', '--no-compile-interfaces'], NO_PROJECT],
  [
    'dryrun tasks acme',
    [
      '-e dev',
      '--environment dev',
      '-l 2026-01-31',
      '--lastSyncDate 2026-01-31',
      '-i {}',
      '--input @input.json',
      '-m {}',
      '--metadata {}',
      '-c {}',
      '--checkpoint {}',
      '--integration-id github',
      '--variant emea',
      '--validate',
      '--validation',
      '--save',
      '--save-responses',
      '--diagnostics',
      ...GLOBAL,
    ],
    NO_PROJECT,
  ],
  [
    'deploy dev',
    [
      '-v 1.0.0',
      '--version 1.0.0',
      '-s tasks',
      '--sync tasks',
      '-a send',
      '--action send',
      '-i github',
      '--integration github',
      '--allow-destructive',
      '--no-compile-interfaces',
      ...GLOBAL,
    ],
    NO_PROJECT,
  ],
  ['migrate-to-zero-yaml', [''], NO_PROJECT],
  ['migrate-config', [''], NO_PROJECT],
  ['generate', [''], NO_PROJECT],
  ['generate:docs', ['', '-p docs', '--path docs'], NO_PROJECT],
  [
    'generate:tests',
    ['', '-i github', '--integration github', '-s tasks', '--sync tasks', '-a send', '--action send'],
    NO_PROJECT,
  ],
  [
    'pull github issues',
    [
      '',
      '-e prod',
      '--env prod',
      '--environment prod',
      '-s',
      '--sync',
      '-a',
      '--action',
      '--on-event',
      '-f',
      '--force',
    ],
    NO_KEY,
  ],
  ['cli-location', [''], DONE],
  ['cli', [''], DONE],
];

const rows = TAKEN.flatMap(([command, flags, answer]) =>
  flags.map((flag) => [`${command} ${flag}`.trim(), answer] as const),
);

test.each(rows)('nango %s is taken', async (line, answer) => {
  const { code, stderr } = await runCli(line.split(' '), { cwd: await folders.create(), env });
  expect(stderr).toMatch(answer);
  expect(code).toBe(answer === DONE ? 0 : 1);
});

test.each([
  ...Object.entries(REFUSED).map(([name, advice]) => [`${name} anything --at all`, advice] as const),
  ['generate:docs --integration-templates', 'leave it out, or say with --path'],
  ['pull github issues -c', 'leave --catalog out'],
  ['pull github issues --catalog', 'leave --catalog out'],
])('nango %s is 1 and says what to do instead', async (line, advice) => {
  const { code, stdout, stderr } = await runCli(line.split(' '), { cwd: '/', env });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain(advice);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});

test('every hidden command of the incumbent is known, one way or the other', () => {
  const former = [
    'deploy:local',
    'dl',
    'deploy:staging',
    'ds',
    'sync:dev',
    'sync:docker.run',
    'sync:config.check',
    'scc',
  ];
  expect(Object.keys({ ...REFUSED, ...ALIASES }).sort()).toEqual(
    [...former, 'admin:deploy', 'migrate-to-directories', 'clone', 'tsc', 'cli'].sort(),
  );
});

test('every flag of the incumbent stands in --help, or COMPATIBILITY.md says why not', async () => {
  const said = await readFile(join(installedPackage().root, 'COMPATIBILITY.md'), 'utf8');
  const section = said.slice(said.indexOf('## The command line'));
  const unsaid: string[] = [];
  for (const [command, flags] of TAKEN) {
    const name = command.split(' ')[0] ?? '';
    const { stdout: help } = await runCli([ALIASES[name] ?? name, '--help'], { cwd: '/' });
    const long = flags.flatMap((flag) => /^--[\w:-]+/.exec(flag)?.[0] ?? []);
    for (const flag of long)
      if (!new RegExp(`${flag}\\b`).test(help) && !new RegExp(`\`[^\`\n]*${flag}\\b[^\`\n]*\``).test(section))
        unsaid.push(`${name} ${flag}`);
  }
  expect(unsaid).toEqual([]);
});

test('cli-location prints the launcher', async () => {
  const { stdout } = await runCli(['cli-location'], { cwd: '/' });
  expect(stdout).toBe(`${join(installedPackage().root, 'bin', 'nango.js')}\n`);
  expect(existsSync(stdout.trim())).toBe(true);
  expect((await runCli(['--debug', 'cli'], { cwd: '/' })).stdout).toBe(stdout);
});

test('create takes its names as flags, too, and asks for what is missing', async () => {
  const cwd = await folders.create();
  await writeFiles(cwd, { 'index.ts': '', '.nango/keep': '' });
  const { stdout } = await runCli(['create', '--integration', 'github', '--name', 'issues', '--action'], { cwd });
  expect(stdout).toBe('Wrote github/actions/issues.ts and its import in index.ts\n');
  expect(await runCli(['create', 'github'], { cwd })).toMatchObject({
    code: 1,
    stderr: "A script needs an integration and a name: 'nango create github issues'.\n",
  });
});

test('--no-compile-interfaces leaves models.ts as it is', async () => {
  const cwd = await folders.create();
  const models = join(await initProject(cwd), 'models.ts');
  await appendFile(models, '// mine\n');
  const call = { cwd, env: { ...env, NANGO_SECRET_KEY_DEV: 'none' } };
  const kept = await runCli(['deploy', 'dev', '--no-compile-interfaces'], call);
  expect(kept).toMatchObject({ code: 11, stderr: expect.stringContaining('127.0.0.1:9') });
  expect(await readFile(models, 'utf8')).toContain('// mine');
  await runCli(['deploy', 'dev'], call);
  expect(await readFile(models, 'utf8')).not.toContain('// mine');
});

test('the project may be where NANGO_INTEGRATIONS_LOCATION says, and NANGO_CLI_DEBUG is --debug', async () => {
  const cwd = await folders.create();
  await initProject(cwd);
  const elsewhere = await folders.create();
  expect(await runCli(['generate'], { cwd: elsewhere, env: { NANGO_INTEGRATIONS_LOCATION: cwd } })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('models.ts is up to date'),
  });
  const failed = await runCli(['generate'], { cwd: elsewhere, env: { NANGO_CLI_DEBUG: 'true' } });
  expect(failed.stderr).toMatch(/\n {4}at .*project/);
});
