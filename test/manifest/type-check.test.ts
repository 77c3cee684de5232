import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseManifest } from '../../manifest/parse.ts';
import { SANDBOX_TYPES, SANDBOX_TYPES_FILE } from '../../manifest/sandbox-types.ts';
import { scaffoldAction, scaffoldSync } from '../../manifest/scaffold.ts';
import { TSCONFIG_TEXT } from '../../manifest/tsconfig-template.ts';
import { generateModels } from '../../manifest/typegen.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = join(PROJECT, 'node_modules/typescript/bin/tsc');
let folder: string;

// A copy far from our own node_modules: nothing but the generated files can supply a type.
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nango-types-'));
  cpSync(join(PROJECT, 'test/fixtures'), folder, { recursive: true });
  for (const name of ['old-style', 'wrong-scripts', 'golden']) generateInto(join(folder, name));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function manifestOf(path: string) {
  return parseManifest(readFileSync(join(path, 'nango.yaml'), 'utf8'), 'nango.yaml').manifest;
}

function generateInto(path: string): void {
  writeFileSync(join(path, 'models.ts'), generateModels(manifestOf(path)));
  writeFileSync(join(path, SANDBOX_TYPES_FILE), SANDBOX_TYPES);
  writeFileSync(join(path, 'tsconfig.json'), TSCONFIG_TEXT);
}

/** Runs the real compiler; the answer is what it prints, one line a mistake. */
function tsc(path: string, ...flags: string[]): Promise<string> {
  const args = [TSC, '--noEmit', '--pretty', 'false', '-p', path, ...flags];
  return new Promise((resolve) => execFile(process.execPath, args, { cwd: path }, (_error, stdout) => resolve(stdout)));
}

const STRICT = [
  '--strict',
  '--noImplicitAny',
  'true',
  '--strictNullChecks',
  'true',
  '--exactOptionalPropertyTypes',
  '--skipLibCheck',
  'false',
];

test('scripts in the manner of the old documentation compile unmodified', async () => {
  expect(await tsc(join(folder, 'old-style'))).toBe('');
});

test('what is wrong in a script is refused at its line, and nothing else is', async () => {
  const printed = await tsc(join(folder, 'wrong-scripts'));
  const found = [...printed.matchAll(/^tasks\.ts\((\d+),\d+\): error (TS\d+)/gm)].map(
    (match) => `${match[1]} ${match[2]}`,
  );
  const lines = readFileSync(join(folder, 'wrong-scripts/tasks.ts'), 'utf8').split('\n');
  const expected = lines.flatMap(
    (line, index) =>
      line
        .match(/\/\/ (TS\d+)$/)
        ?.slice(1)
        .map((code) => `${index + 1} ${code}`) ?? [],
  );
  expect(expected.length).toBeGreaterThan(15);
  expect(found).toEqual(expected);
});

test('generated models of every form compile in strict projects too', async () => {
  expect(await tsc(join(folder, 'golden'), ...STRICT)).toBe('');
});

test('the example project compiles, also strictly', async () => {
  const example = join(folder, 'example');
  cpSync(join(PROJECT, 'examples/nango-integrations'), example, {
    recursive: true,
    filter: (path) => !path.includes('node_modules'),
  });
  expect(await tsc(example)).toBe('');
  expect(await tsc(example, ...STRICT)).toBe('');
});

test('new scripts compile as they stand, with a description that would end a comment', async () => {
  const path = join(folder, 'scaffolds');
  cpSync(join(folder, 'old-style/nango.yaml'), join(path, 'nango.yaml'));
  generateInto(path);
  for (const integration of manifestOf(path).integrations) {
    for (const sync of integration.syncs)
      writeFileSync(join(path, `${sync.name}.ts`), scaffoldSync({ ...sync, description: 'a */ b' }));
    for (const action of integration.actions) writeFileSync(join(path, `${action.name}.ts`), scaffoldAction(action));
  }
  expect(await tsc(path)).toBe('');
  expect(await tsc(path, ...STRICT)).toBe('');
});

test('U081: a strict application with types of its own reads dates as text through the same models', async () => {
  const path = join(folder, 'reading-app');
  mkdirSync(join(path, 'node_modules'));
  symlinkSync(join(PROJECT, 'node_modules/@types'), join(path, 'node_modules/@types'));
  const compilerOptions = {
    target: 'es2024',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
  };
  writeFileSync(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  expect(await tsc(path)).toBe('');
});

test('where zod is installed its own types are the ones that count', async () => {
  const path = join(folder, 'with-zod');
  cpSync(join(folder, 'golden'), path, { recursive: true });
  mkdirSync(join(path, 'node_modules'));
  symlinkSync(join(PROJECT, 'node_modules/zod'), join(path, 'node_modules/zod'));
  writeFileSync(
    join(path, 'script.ts'),
    "import { z } from 'zod';\nimport type { Task } from './models';\nexport const n: Task['count'] = z.string().parse('x');\n",
  );
  expect(await tsc(path)).toMatch(
    /^script\.ts\(3,14\): error TS2322: Type 'string' is not assignable to type 'number'/,
  );
});
