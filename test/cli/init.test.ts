import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { installedPackage } from '../../cli/package.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { useUpstream } from '../support/upstream.ts';

const folders = useFolders();
const platform = useUpstream(() => ({ json: { name: 'nango-temporal', version: '1' } }));
const NOBODY = { NANGO_HOSTPORT: 'http://127.0.0.1:9' };

test('init writes a project that compiles as it stands', async () => {
  const cwd = await folders.create();
  const { code, stdout } = await runCli(['init'], { cwd, env: NOBODY });
  expect(code).toBe(0);
  const files = await readdir(join(cwd, 'nango-integrations'));
  expect(files.sort()).toEqual(
    '.env .gitignore .nango models.ts nango-sandbox.d.ts nango.yaml package.json post-message.ts tasks.ts tsconfig.json'.split(
      ' ',
    ),
  );
  for (const file of files.map((name) => (name === '.nango' ? '.nango/schema.json' : name)))
    expect(stdout).toContain(`Wrote ${join('nango-integrations', file)}\n`);
  expect(await runCli(['compile'], { cwd })).toEqual({
    code: 0,
    stdout: 'Compiled 1 sync and 1 action without mistakes.\n',
    stderr: '',
  });
});

test('init --zero-yaml writes a strict project of definitions that compiles as it stands', async () => {
  const cwd = await folders.create();
  const { code, stdout } = await runCli(['init', '--zero-yaml'], { cwd, env: NOBODY });
  expect(code).toBe(0);
  const files = [
    ...['task-tracker/syncs/tasks.ts', 'team-chat/actions/post-message.ts'],
    ...['tsconfig.json', 'package.json', '.gitignore', '.env', 'index.ts'],
  ];
  expect([...stdout.matchAll(/^Wrote nango-integrations\/(.*)$/gm)].map(([, file]) => file)).toEqual(files);
  const folder = join(cwd, 'nango-integrations');
  const read = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8'));
  expect((await read('package.json')).devDependencies.zod).toBe(installedPackage().zod);
  expect((await read('tsconfig.json')).compilerOptions).toMatchObject({ strict: true });
  expect((await read('tsconfig.json')).compilerOptions).not.toHaveProperty('strictNullChecks');
  expect(await runCli(['compile'], { cwd })).toEqual({
    code: 0,
    stdout: 'Compiled 1 sync and 1 action without mistakes.\n',
    stderr: '',
  });
});

test('the package refers to this clone by a path relative to the project, and git never sees the keys', async () => {
  const cwd = await folders.create();
  await runCli(['init', 'deep/er'], { cwd, env: NOBODY });
  const folder = join(cwd, 'deep', 'er');
  const { devDependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  expect(resolve(folder, devDependencies.nango.replace(/^file:/, ''))).toBe(resolve(installedPackage().root));
  expect(await readFile(join(folder, '.gitignore'), 'utf8')).toBe('.env\n.local/\n.nango/\ndist/\nnode_modules/\n');
  expect((await stat(join(folder, '.env'))).mode & 0o777).toBe(0o600);
});

test('keys that the platform left in .local/.env are filled in, and nothing else of it', async () => {
  const cwd = await folders.create();
  await mkdir(join(cwd, '.local'));
  await writeFile(
    join(cwd, '.local', '.env'),
    `NANGO_SECRET_KEY_DEV=dev-key\nNANGO_HOSTPORT=${platform.url}\nNANGO_ENCRYPTION_KEY=not-for-authors\n`,
  );
  const { stdout } = await runCli(['init'], { cwd });
  const env = await readFile(join(cwd, 'nango-integrations', '.env'), 'utf8');
  expect(env.split('\n')).toEqual(
    expect.arrayContaining(['NANGO_SECRET_KEY_DEV=dev-key', `NANGO_HOSTPORT=${platform.url}`]),
  );
  expect(env).not.toContain('not-for-authors');
  expect(stdout).not.toContain('put the secret keys');
});

test('the next steps leave out what is done already', async () => {
  const without = await runCli(['init'], { cwd: await folders.create(), env: NOBODY });
  expect(without.stdout).toContain('npm start -- --example');
  expect(without.stdout).not.toContain('  cd ');
  const elsewhere = await runCli(['init', 'mine'], { cwd: await folders.create(), env: NOBODY });
  expect(elsewhere.stdout).toContain(`printed into ${join('mine', '.env')}\n  cd mine\n  nango dev: `);
  const running = await runCli(['init'], { cwd: await folders.create(), env: { NANGO_HOSTPORT: platform.url } });
  expect(running.stdout).toContain('nango deploy dev');
  expect(running.stdout).not.toContain('npm start -- --example');
});

test.each([
  ['the folder around the project', 'nango-integrations/nango.yaml'],
  ['the project itself', 'nango.yaml'],
])('init in %s says that there is one and changes nothing', async (_where, manifest) => {
  const cwd = await folders.create();
  await mkdir(join(cwd, 'nango-integrations'));
  await writeFile(join(cwd, manifest), 'mine');
  const before = await readdir(cwd, { recursive: true });
  const { code, stderr } = await runCli(['init'], { cwd, env: NOBODY });
  expect(code).toBe(0);
  expect(stderr).toContain('is a project already');
  expect(await readdir(cwd, { recursive: true })).toEqual(before);
  expect(await readFile(join(cwd, manifest), 'utf8')).toBe('mine');
});

test('files that are there before init are kept', async () => {
  const cwd = await folders.create();
  await mkdir(join(cwd, 'nango-integrations'));
  await writeFile(join(cwd, 'nango-integrations', 'package.json'), '{"name":"mine"}');
  const { stdout } = await runCli(['init'], { cwd, env: NOBODY });
  expect(stdout).toContain(`Kept ${join('nango-integrations', 'package.json')}`);
  expect(await readFile(join(cwd, 'nango-integrations', 'package.json'), 'utf8')).toBe('{"name":"mine"}');
});
