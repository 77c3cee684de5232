import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KEY = Buffer.alloc(32, 7).toString('base64');
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nango-test-commands-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(['api', 'worker', 'migrate'])('`npm run %s` names every server that it lacks', async (command) => {
  const { code, stderr } = await run(command, {});
  expect(stderr).toMatch(/^DATABASE_URL, TEMPORAL_ADDRESS, NANGO_ENCRYPTION_KEY not set: .*\n$/);
  expect(code).toBe(1);
});

test('`npm run migrate` names the database that is not there, without its password', async () => {
  const { code, stderr } = await run('migrate', {
    DATABASE_URL: 'postgres://me:hidden@127.0.0.1:9/x',
    TEMPORAL_ADDRESS: '127.0.0.1:9',
    NANGO_ENCRYPTION_KEY: KEY,
  });
  expect(stderr).toMatch(/^Postgres at '127\.0\.0\.1:9\/x' cannot be used \(.*\): check DATABASE_URL.*\n$/);
  expect(stderr).not.toContain('hidden');
  expect(code).toBe(1);
});

test('`npm run reset` without data says that there is nothing to delete', async () => {
  const data = join(folder, 'none');
  const stdout = `There is nothing to delete: '${data}' does not exist.\n`;
  expect(await run('reset', { NANGO_DATA_DIR: data }, '--yes')).toMatchObject({ code: 0, stdout });
});

test('`npm run reset` deletes nothing before it had a yes', async () => {
  const data = await dataFolder('asked');
  const { code, stderr } = await run('reset', { NANGO_DATA_DIR: data });
  expect(stderr).toMatch(/^Deleting '.*' needs a yes: .*-- --yes\n$/);
  expect(code).toBe(1);
  expect(await readdir(data)).toEqual(['encryption-key']);
});

test('`npm run reset -- --yes` deletes the data folder', async () => {
  const data = await dataFolder('deleted');
  expect(await run('reset', { NANGO_DATA_DIR: data }, '--yes')).toMatchObject({
    code: 0,
    stdout: `Deleted '${data}'.\n`,
  });
  await expect(readdir(data)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('`npm run reset` leaves a folder alone that a platform works in', async () => {
  const data = await dataFolder('in-use');
  await writeFile(join(data, 'platform.pid'), String(process.pid));
  const { code, stderr } = await run('reset', { NANGO_DATA_DIR: data }, '--yes');
  expect(stderr).toBe(`'${data}' is in use by process ${process.pid}: stop that one first\n`);
  expect(code).toBe(1);
  expect(await readdir(data)).toEqual(['encryption-key', 'platform.pid']);
});

async function dataFolder(name: string): Promise<string> {
  const data = join(folder, name);
  await mkdir(data);
  await writeFile(join(data, 'encryption-key'), KEY);
  return data;
}

async function run(command: string, settings: Readonly<Record<string, string>>, ...flags: string[]) {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings };
  const child = spawn(process.execPath, [`platform/${command}.ts`, ...flags], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
    });
  }
  const [code] = await once(child, 'close');
  return { code, ...written };
}
