import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { installedPackage } from '../../cli/package.ts';
import { useFolders } from '../support/cli.ts';
import { machineNode } from '../support/machine-node.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/nango.js', import.meta.url));
const folders = useFolders();
const run = promisify(execFile);

const old = await machineNode();
const isOld = old !== undefined && old.major < 24;
const reason = old === undefined ? 'this machine has no Node of its own' : `the machine's own Node is ${old.major}`;
// Skipped where there is no older Node to try; the name says so in the report.
const testWithOldNode = isOld ? test : test.skip;
const note = isOld ? `Node ${old.major}` : `an older Node (skipped: ${reason})`;
const oldNode = old?.path ?? '';

async function launch(node: string, argv: readonly string[], cwd: string, launcher = LAUNCHER) {
  return run(node, [launcher, ...argv], { cwd, env: { PATH: dirname(node) } }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

testWithOldNode(`under ${note} the launcher runs the command with Node 24, from a foreign folder`, async () => {
  const cwd = await folders.create();
  expect(await launch(oldNode, ['version'], cwd)).toEqual({
    code: 0,
    stdout: `${installedPackage().version}\n`,
    stderr: '',
  });
  expect(await launch(oldNode, ['compile'], cwd)).toMatchObject({ code: 1, stderr: expect.stringContaining(cwd) });
});

testWithOldNode(`under ${note} init and compile work through a link to the launcher`, async () => {
  const cwd = await folders.create();
  const link = join(cwd, 'nango');
  await symlink(LAUNCHER, link);
  expect(await launch(oldNode, ['init'], cwd, link)).toMatchObject({ code: 0, stderr: '' });
  expect(await launch(oldNode, ['compile'], cwd, link)).toMatchObject({ code: 0, stderr: '' });
});

testWithOldNode(
  `under ${note} without Node 24 beside it, one line names the required version and the code is 1`,
  async () => {
    const cwd = await folders.create();
    await mkdir(join(cwd, 'bin'));
    await cp(LAUNCHER, join(cwd, 'bin', 'nango.js'));
    await cp(join(dirname(LAUNCHER), 'require-node.cjs'), join(cwd, 'bin', 'require-node.cjs'));
    await writeFile(join(cwd, 'package.json'), '{"type":"module"}');
    const { code, stdout, stderr } = await launch(oldNode, ['version'], cwd, join(cwd, 'bin', 'nango.js'));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^nango needs Node 24 or later and this is Node \d+\.\d+\.\d+: .*\n$/);
  },
);

test('the launcher takes the compiled command line where the package has no sources', async () => {
  const root = await folders.create();
  await mkdir(join(root, 'bin'));
  await mkdir(join(root, 'dist', 'cli'), { recursive: true });
  await cp(LAUNCHER, join(root, 'bin', 'nango.js'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  const main = 'export const main = async (argv, io) => (io.stdout.write(argv + " " + process.execArgv), 7);';
  await writeFile(join(root, 'dist', 'cli', 'main.js'), main);
  const { code, stdout } = await launch(process.execPath, ['a', 'b'], root, join(root, 'bin', 'nango.js'));
  expect({ code, stdout }).toEqual({ code: 7, stdout: 'a,b ' });
});

test.each([['this Node', process.execPath], ...(isOld ? [[`Node ${old.major}`, oldNode]] : [])])(
  'under %s a SIGINT ends a watching command in order, with code 0',
  async (_name, node = '') => {
    const cwd = await folders.create();
    expect((await launch(node, ['init'], cwd)).code).toBe(0);
    const child = spawn(node, [LAUNCHER, 'dev'], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: dirname(node) },
    });
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (text) => String(text).includes('No mistakes') && resolve());
    });
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 0, signal: null });
  },
);
