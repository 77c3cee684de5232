import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../cli/main.ts';
import { settingsTable } from '../runtime/env.ts';

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const readme = read('README.md');
const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'));

test('the README shows every setting as runtime/env.ts has it', () => {
  expect(readme).toContain(settingsTable());
});

test('every npm script that a document names exists', () => {
  const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'].map(read).join('\n');
  const named = [...documents.matchAll(/npm run (?:-s )?([a-z:-]+)/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('every nango command that the README names exists', () => {
  const named = [...readme.matchAll(/(?:`|^)nango ([a-z]+)/gm)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !(name in COMMANDS))).toEqual([]);
});

test('the script and nango.yaml that the README shows are parts of the example project', () => {
  expect(read('examples/nango-integrations/nango.yaml')).toContain('runs: every 30min');
  expect(read('examples/nango-integrations/tasks.ts')).toContain('fetchData(nango: NangoSync)');
});
