import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bundleWorkflows } from '../../worker/bundle.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nango-test-bundle-'));
});
afterAll(() => rm(folder, { recursive: true }));

const MARK = '// kept';

test('a bundle is kept for the next process, and made anew when it is of other sources or cannot be read', async () => {
  const { code } = await bundleWorkflows({ folder });
  expect(code).toContain('syncWorkflow');
  expect(await readdir(folder)).toEqual(['untraced.json']);
  const file = join(folder, 'untraced.json');
  const kept = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...kept, bundle: { ...kept.bundle, code: MARK } }));
  expect((await bundleWorkflows({ folder })).code).toBe(MARK);
  await writeFile(file, JSON.stringify({ madeOf: 'another version', bundle: { ...kept.bundle, code: MARK } }));
  expect((await bundleWorkflows({ folder })).code).toBe(code);
  await writeFile(file, JSON.stringify(kept).slice(0, 1000));
  expect((await bundleWorkflows({ folder })).code).toBe(code);
  expect(JSON.parse(await readFile(file, 'utf8')).madeOf).toBe(kept.madeOf);
});

test('where nothing can be kept the workflows are bundled all the same', async () => {
  const file = join(folder, 'no-folder');
  await writeFile(file, '');
  expect((await bundleWorkflows({ folder: file })).code).toContain('syncWorkflow');
});
