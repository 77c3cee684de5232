import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
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

const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'COMPATIBILITY.md',
  'docs/authoring.md',
  'docs/durability.md',
  'docs/performance.md',
  'docs/production.md',
  'docs/settings.md',
];
const documents = pages.map(read).join('\n');

const builders = ['platform/dashboard-build.ts', 'test/support/browser.ts', 'test/end-to-end/tour.test.ts']
  .map(read)
  .join('\n');

test('every file that a document names as a place in the source exists', () => {
  const named = [...documents.matchAll(/`((?:[a-z0-9-]+\/)+(?:[a-z0-9.-]+\.(?:ts|md|sql|yaml))?)`/g)].map(
    (match) => match[1] ?? '',
  );
  expect(named.length).toBeGreaterThan(50);
  // What is built is not there before: what builds it must name it.
  const isThere = (name: string) =>
    name.startsWith('dist/')
      ? builders.includes(name.replace(/\/$/, ''))
      : existsSync(new URL(`../${name}`, import.meta.url));
  expect(named.filter((name) => !isThere(name))).toEqual([]);
});

test('every link of a document to another leads somewhere', () => {
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) =>
      posix.join(posix.dirname(page), match[1] ?? ''),
    ),
  );
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((link) => !existsSync(new URL(`../${link}`, import.meta.url)))).toEqual([]);
});

test('every function that a document places in a file is there', () => {
  const named = [...documents.matchAll(/`(\w+)` in `((?:[a-z0-9-]+\/)+[a-z0-9.-]+\.ts)`/g)];
  expect(named.length).toBeGreaterThan(2);
  expect(named.filter(([, name = '', file = '']) => !read(file).includes(` ${name}`)).map(([all]) => all)).toEqual([]);
});

test('every selection of tests that a document names selects some', () => {
  const files = readdirSync(new URL('.', import.meta.url), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `test/${file.replaceAll('\\', '/')}`);
  const named = [...documents.matchAll(/npm test -- ([^#`\n]+)/g)].flatMap(
    (match) => match[1]?.match(/test\/\S+/g) ?? [],
  );
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter((selection) => !files.some((file) => file.includes(selection)))).toEqual([]);
});

test('every bench that a document names exists', () => {
  const benches = read('bench/main.ts');
  const named = [...documents.matchAll(/bench -- ([a-z-]+)/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((name) => !new RegExp(`^ {2}'?${name}\\b`, 'm').test(benches))).toEqual([]);
});

test('every setting that a document of ours names is read', () => {
  const settings = read('runtime/env.ts');
  const ours = pages
    .filter((page) => page !== 'COMPATIBILITY.md')
    .map(read)
    .join('\n');
  const named = [...ours.matchAll(/\b(?:NANGO|DASHBOARD|TEMPORAL|SERVER|OTEL|DATABASE)(?:_[A-Z]+)+\b/g)].map((match) =>
    match[0].replace(/_FILE$/, ''),
  );
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter((name) => !settings.includes(name))).toEqual([]);
});

test('every npm script that a document names exists', () => {
  const named = [...documents.matchAll(/npm run (?:-s )?([a-z:-]+)/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('every nango command that the README or the tour names exists', () => {
  const told = `${readme}\n${read('docs/authoring.md')}`;
  const named = [...told.matchAll(/(?:`|^|^\$ )nango ([a-z]+(?:[:-][a-z]+)*)/gm)].map((match) => match[1] ?? '');
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
