import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type RunningCli, startCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';

const folders = useFolders();
let folder = '';
let dev: RunningCli;

beforeEach(async () => {
  folder = await initProject(await folders.create());
  dev = startCli(['dev'], { cwd: folder });
  await dev.see(`Watching ${folder} (Ctrl-C ends it)\n`);
  await dev.see(/No mistakes \(bundled 2 scripts of 2, \d+ ms\)\n/);
});

afterEach(async () => {
  dev.interrupt();
  expect((await dev.ended).code).toBe(0);
});

const write = (name: string, text: string) => writeFile(join(folder, name), text);
const read = (name: string) => readFile(join(folder, name), 'utf8');

test('a mistake is shown with file and line, it goes on, and the repair is seen', async () => {
  const good = await read('tasks.ts');
  await write('tasks.ts', `${good}const wrong: number = 'text';\n`);
  await dev.see(/tasks\.ts:\d+:7: TS2322: .*\n1 mistake \(bundled 1 script of 2, \d+ ms\)\n/);
  await write('tasks.ts', good);
  await dev.see(/No mistakes \(bundled 1 script of 2, \d+ ms\)\n/);
});

test('text that is no script at all is a mistake like others', async () => {
  await write('tasks.ts', 'export default async function (');
  await dev.see(/tasks\.ts:1:\d+: .*\n[\s\S]*mistakes? \(/);
});

test('a change of a file that scripts import bundles those scripts alone', async () => {
  await write('map.ts', 'export const label = (text: string) => text;\n');
  await dev.see(/No mistakes \(bundled 0 scripts of 2/);
  const message = (await read('post-message.ts')).replace(
    'export default',
    "import { label } from './map';\nlabel('x');\nexport default",
  );
  await write('post-message.ts', message);
  await dev.see(/No mistakes \(bundled 1 script of 2/);
  await write('map.ts', 'export const label = (text: string) => text + text;\n');
  await dev.see(/No mistakes \(bundled 1 script of 2/);
});

test('a change of nango.yaml writes the types, and its mistakes have positions', async () => {
  const manifest = await read('nango.yaml');
  await write('nango.yaml', manifest.replace('    title: string\n', '    title: string\n    size?: number\n'));
  await dev.see(/No mistakes \(wrote models\.ts, wrote \.nango\/schema\.json, bundled 0 scripts of 2/);
  expect(await read('models.ts')).toContain('size?: number | undefined;');
  await write('nango.yaml', manifest.replace('every 30min', 'every 1min'));
  await dev.see(/nango\.yaml:\d+:\d+: .*5min.*\n1 mistake in nango\.yaml\n/);
  await rm(join(folder, 'nango.yaml'));
  await dev.see(/'.*nango\.yaml' cannot be read/);
  await write('nango.yaml', manifest);
  await dev.see(/No mistakes \(/);
});

test('a script that is taken away is missed, and one that comes is bundled', async () => {
  const text = await read('post-message.ts');
  await rm(join(folder, 'post-message.ts'));
  await dev.see(/nango\.yaml:\d+:\d+: Action 'post-message' .* has no script/);
  await write('post-message.ts', text);
  await dev.see(/No mistakes \(bundled 1 script of 2/);
});
