import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import type { EngineError } from '../../contract/failures.ts';
import { bundleFromDeploy, compileScript, compileScripts, packForDeploy } from '../../sandbox/compile.ts';
import { useSandbox } from './use-sandbox.ts';

const { run } = useSandbox();
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function project(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'project-'));
  folders.push(root);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

async function mistakesOf(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const root = await project(files);
  const error = (await compileScript({ root, file: 'a.ts' }).catch((thrown: unknown) => thrown)) as EngineError;
  expect(error.code).toBe('compile_failed');
  return error.details.mistakes ?? [];
}

test('relative imports of every spelling and packages of pure JavaScript are bundled', async () => {
  const root = await project({
    'tracker/syncs/a.ts': `import { one } from '../one.js'; import { two } from '../two'; import { three } from '../three.ts'; import json from '../four.json';
      import { five } from 'five'; import type { Task } from '../../models'; import { Thing } from '../../models';
      export default async function runAction(nango: unknown): Promise<number> { const t: Task | Thing | null = null; return one + two + three + json.four + five; }`,
    'tracker/one.ts': 'export const one = 1;',
    'tracker/two.ts': 'export const two: number = 20;',
    'tracker/three.ts': 'export const three = 300;',
    'tracker/four.json': '{"four":4000}',
    'models.ts': 'export interface Task { id: string } export interface Thing { id: string }',
    'node_modules/five/package.json': '{"name":"five","version":"1.0.0","main":"index.js"}',
    'node_modules/five/index.js': 'exports.five = 50000;',
  });
  const bundle = await compileScript({ root, file: 'tracker/syncs/a.ts' });
  const { outcome } = await run('', { bundle });
  expect(outcome).toMatchObject({ output: '54321' });
});

test('all mistakes are reported at once, each with file, line, column and the next step', async () => {
  const files = {
    'a.ts': `import fs from 'fs';\nimport 'node:child_process';\nimport './gone';\n  import lodash from 'lodash';\nexport { fs, lodash };`,
  };
  expect(await mistakesOf(files)).toEqual([
    expect.stringMatching(
      /^a\.ts:1:16: Module 'fs' of Node does not exist in scripts: crypto, url, .*records or in the metadata/,
    ),
    expect.stringMatching(/^a\.ts:2:8: Module 'node:child_process' of Node/),
    expect.stringMatching(/^a\.ts:3:8: File '\.\/gone' is not there/),
    expect.stringMatching(/^a\.ts:4:22: Package 'lodash' is not installed: run npm install/),
  ]);
});

test.each([
  [{ 'a.ts': 'export const fetchData = 1;' }, /^a\.ts:1:1: the default export is missing/],
  [{ 'a.ts': 'export default const x = ;' }, /^a\.ts:1:\d+: .*const/],
  [{ 'b.ts': '' }, /^a\.ts:1:1: the file is not there/],
  [
    { 'a.ts': "import { x } from './b'; export default () => x;", 'b.ts': 'export const y = 1;' },
    /^a\.ts:1:10: No matching export in "b\.ts" for import "x"/,
  ],
])('U089: a script that cannot be bundled says where and why: %j', async (files, reason) => {
  expect(await mistakesOf(files)).toEqual([expect.stringMatching(reason)]);
});

test('scripts that are compiled together become what each becomes alone', async () => {
  const root = await project({
    'a.ts': `import { one } from './shared'; import { z } from 'zod'; export default async () => z.string().parse(one);`,
    'b.ts': `import { two } from './shared'; import five from 'five'; export default async () => [two, five];`,
    'c.ts': `import * as all from './shared/large'; export default async () => Object.keys(all);`,
    'd.ts': `import type { Thing } from './shared'; export default async (): Promise<Thing> => ({});`,
    '0.js': 'export const zero = 0;',
    'e.ts': `import { zero } from './0.js'; import { Large } from './shared'; export default async () => new Large(zero);`,
    'shared/index.ts': `export { one } from './one'; export * from './large'; export type Thing = object;`,
    'shared/one.ts': `export const one = 'one'; export const other = 'other';`,
    'shared/large.ts': 'export const two = 2; export class Large { constructor(readonly size: number) {} }',
    'node_modules/five/package.json': '{"name":"five","version":"1.0.0","main":"index.js"}',
    'node_modules/five/index.js': 'module.exports = 50000;',
  });
  const files = ['a.ts', 'b.ts', 'c.ts', 'd.ts', 'e.ts'];
  const alone = await Promise.all(files.map(async (file) => ({ bundle: await compileScript({ root, file }) })));
  const together = await compileScripts({ root, files });
  // Which number it had among them may not show.
  expect(together).toEqual(alone);
  expect(together.map((one) => 'bundle' in one && one.bundle.inputs.toSorted())).toEqual([
    ['a.ts', 'shared/index.ts', 'shared/large.ts', 'shared/one.ts'],
    ['b.ts', 'node_modules/five/index.js', 'shared/index.ts', 'shared/large.ts', 'shared/one.ts'],
    ['c.ts', 'shared/large.ts'],
    ['d.ts'],
    ['0.js', 'e.ts', 'shared/index.ts', 'shared/large.ts', 'shared/one.ts'],
  ]);
});

test('of scripts that are compiled together only those with mistakes fail', async () => {
  const root = await project({
    'a.ts': 'export default async () => 1;',
    'b.ts': 'export const fetchData = 1;',
    'c.ts': "import './gone'; export default 1;",
  });
  expect(await compileScripts({ root, files: ['a.ts', 'b.ts', 'c.ts', 'd.ts'] })).toEqual([
    { bundle: await compileScript({ root, file: 'a.ts' }) },
    { mistakes: [expect.stringMatching(/^b\.ts:1:1: the default export is missing/)] },
    { mistakes: [expect.stringMatching(/^c\.ts:1:8: File '\.\/gone' is not there/)] },
    { mistakes: ['d.ts:1:1: the file is not there.'] },
  ]);
});

test('the settings of the author’s own tsconfig do not change the bundle', async () => {
  const script = {
    'a.ts': 'class Page {\n  size = 1;\n}\nexport default async (): Promise<number> => new Page().size;',
  };
  const plain = await compileScript({ root: await project(script), file: 'a.ts' });
  const root = await project({ ...script, 'tsconfig.json': '{"compilerOptions":{"useDefineForClassFields":false}}' });
  expect((await compileScript({ root, file: 'a.ts' })).code).toBe(plain.code);
});

test('a bundle is named by its code, and the paths of its map are relative', async () => {
  const root = await project({ 'x/a.ts': 'export default () => 1;' });
  const bundle = await compileScript({ root, file: 'x/a.ts' });
  expect(bundle.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(JSON.parse(bundle.sourceMap).sources).toContain('x/a.ts');
  expect(bundle.code + bundle.sourceMap).not.toContain(root);
});

test('a bundle survives its deployment unchanged', async () => {
  const root = await project({
    'a.ts': 'export default () => "//# sourceMappingURL=data:application/json;base64,AAAA";',
  });
  const { inputs, ...bundle } = await compileScript({ root, file: 'a.ts' });
  expect(inputs).toEqual(['a.ts']);
  expect(bundleFromDeploy({ js: packForDeploy(bundle), file: 'a.ts' })).toEqual(bundle);
});

test('a deployed text without a map runs, and its errors name the file alone', async () => {
  const bundle = bundleFromDeploy({ js: 'exports.default = async () => { throw new Error("x"); };', file: 'old.ts' });
  const { outcome } = await run('', { bundle });
  expect(outcome).toMatchObject({ failure: { message: "Action 'tasks' failed in old.ts: x" } });
});

test('a module that only loads in the bundle fails at its line when run', async () => {
  const { outcome } = await run('throw new Error("at load");\nexport default async () => 1;');
  expect(outcome).toMatchObject({ failure: { message: expect.stringMatching(/script\.ts:1:7: at load/) } });
});
