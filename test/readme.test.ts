import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { withRecordsTable } from '../bench/records-table.ts';
import { savedResults } from '../bench/results.ts';
import { COMMANDS } from '../cli/main.ts';
import { settingsTable } from '../runtime/env.ts';
import { runCli } from './support/cli.ts';

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const readme = read('README.md');
const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'));

test('docs/settings.md shows every setting as runtime/env.ts has it', () => {
  expect(read('docs/settings.md')).toContain(settingsTable());
});

test('the figures of records are those that the benches saved last', () => {
  expect(readme).toBe(withRecordsTable(readme, savedResults()));
});

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'docs/authoring.md',
  'docs/durability.md',
  'docs/performance.md',
  'docs/production.md',
  'docs/settings.md',
]
  .map(read)
  .join('\n');

const builders = ['platform/dashboard-build.ts', 'test/support/browser.ts'].map(read).join('\n');

test('every file that a document names as a place in the source exists', () => {
  const named = [...documents.matchAll(/`((?:[a-z0-9-]+\/)+(?:[a-z0-9.-]+\.ts)?)`/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(50);
  // What is built is not there before: what builds it must name the folder.
  const isThere = (name: string) =>
    name.startsWith('dist/')
      ? builders.includes(name.slice(0, -1))
      : existsSync(new URL(`../${name}`, import.meta.url));
  expect(named.filter((name) => !isThere(name))).toEqual([]);
});

test('every npm script that a document names exists', () => {
  const named = [...documents.matchAll(/npm run (?:-s )?([a-z:-]+)/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('every nango command that the README names exists', () => {
  const named = [...readme.matchAll(/(?:`|^)nango ([a-z]+)/gm)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !(name in COMMANDS))).toEqual([]);
});

test('the script and the nango.yaml that the README shows compile as they stand', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nango-test-readme-'));
  try {
    await writeFile(join(folder, 'nango.yaml'), block('yaml'));
    await writeFile(join(folder, 'tasks.ts'), block('ts'));
    for (const command of ['generate', 'compile']) {
      const { code, stderr } = await runCli([command], { cwd: folder });
      expect([command, code, stderr]).toEqual([command, 0, '']);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function block(language: string): string {
  return readme.split(`\`\`\`${language}\n`)[1]?.split('```')[0] ?? '';
}
