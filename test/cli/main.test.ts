import { expect, test } from '@jest/globals';
import { ALIASES, REFUSED } from '../../cli/former.ts';
import { COMMANDS } from '../../cli/main.ts';
import { installedPackage } from '../../cli/package.ts';
import { runCli, useFolders } from '../support/cli.ts';

const folders = useFolders();

test('--help lists every command and ends with 0', async () => {
  const { code, stdout, stderr } = await runCli(['--help'], { cwd: '/' });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const [name, { isHidden = false }] of Object.entries(COMMANDS))
    expect(stdout.includes(`\n  ${name} `)).toBe(!isHidden);
  for (const name of [...Object.keys(ALIASES), ...Object.keys(REFUSED)]) expect(stdout).not.toContain(`\n  ${name} `);
});

test.each([...Object.keys(COMMANDS), 'integrations create', 'connections create', 'connections delete'])(
  '%s --help shows an example of itself',
  async (name) => {
    const { code, stdout } = await runCli([...name.split(' '), '--help'], { cwd: '/' });
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Example:\\n.*\\$ .*nango ${name.split(' ')[0]}`));
  },
);

test('help <command> is the same as <command> --help', async () => {
  const help = await runCli(['help', 'deploy'], { cwd: '/' });
  expect(help.stdout).toBe((await runCli(['deploy', '--help'], { cwd: '/' })).stdout);
  expect(help.stdout).toContain('--allow-destructive');
});

test.each([[['--version']], [['-v']], [['version']]])('%s prints the version alone', async (argv) => {
  const { code, stdout } = await runCli(argv, { cwd: '/' });
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${installedPackage().version}\n` });
});

test('an unknown command is 1 and suggests the one that was meant', async () => {
  const { code, stderr } = await runCli(['deplyo'], { cwd: '/' });
  expect(code).toBe(1);
  expect(stderr).toContain('Did you mean deploy?');
  expect(stderr).toContain("'nango --help' lists the commands.\n");
});

test.each([
  [['deploy'], "missing required argument 'environment'", 'deploy', ' [options] <environment>'],
  [['status', '--loud'], "unknown option '--loud'", 'status', ' [options] [integration] [connection]'],
  [
    ['integrations', 'create', 'x'],
    "required option '-p, --provider <name>' not specified",
    'integrations create',
    ' [options] <id>',
  ],
])('%j is 1, names what is wrong and shows how it is meant', async (argv, message, words, usage) => {
  const { code, stderr } = await runCli(argv, { cwd: '/' });
  expect(code).toBe(1);
  expect(stderr).toBe(`error: ${message}\nUsage: nango ${words}${usage}\n'nango ${words} --help' explains it.\n`);
});

test.each(['generate', 'compile', 'dev', 'deploy dev', 'dryrun tasks acme'])(
  '%s outside a project is 1 and says how to make one',
  async (command) => {
    const cwd = await folders.create();
    const { code, stderr } = await runCli(command.split(' '), { cwd });
    expect(code).toBe(1);
    expect(stderr).toContain(`No nango.yaml in '${cwd}'`);
    expect(stderr).toContain("'nango init'");
  },
);

test('--debug shows where a failure came from, and without it there is no stack', async () => {
  const cwd = await folders.create();
  expect((await runCli(['compile'], { cwd })).stderr).not.toContain('    at ');
  expect((await runCli(['compile', '--debug'], { cwd })).stderr).toMatch(/\n {4}at .*project/);
  expect((await runCli(['--debug', 'compile'], { cwd })).stderr).toMatch(/\n {4}at .*project/);
});

test("flags of the incumbent's command line are taken and change nothing", async () => {
  const { code, stdout } = await runCli(['version', '--no-dependency-update', '--no-telemetry'], { cwd: '/' });
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${installedPackage().version}\n` });
});
