/** Types of large projects are checked in slices; what they find is what the whole finds, each mistake once. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Project } from '../../cli/project.ts';
import { checkTypes } from '../../cli/typecheck.ts';
import { mistakeLine } from '../../manifest/manifest.ts';
import { useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';

const folders = useFolders();
const SCRIPTS = 12;
const WRONG = 'const wrong: number = spoken;';

/** Every third script is wrong; all import a helper that is, and use what other files declare for all. */
function scriptText(index: number, models: string): string {
  return `import type { NangoSync } from '${models}';
import { spoken } from '../shared.js';
${index % 3 === 0 ? WRONG : ''}
export default async function fetchData(nango: NangoSync): Promise<void> {
  const count: Count = Number(spoken);
  const limit: Limit = count + everywhere;
  await nango.log(limit, [].nthLast(${index}));
}
`;
}

const AROUND = {
  'tracker/shared.ts': "export const spoken: string = 'a';\nexport const alsoWrong: boolean = spoken;\n",
  'tracker/count.d.ts': 'type Count = number;\n',
  'tracker/globals.ts': 'const everywhere = 1;\ntype Limit = number;\n',
  'tracker/arrays.ts': 'export {};\ndeclare global {\n  interface Array<T> {\n    nthLast(n: number): T;\n  }\n}\n',
};

async function project(form: Project['form'], more: Readonly<Record<string, string>>): Promise<Project> {
  const folder = await folders.create();
  const models = form === 'yaml' ? '../../models.js' : 'nango';
  const scripts = Array.from({ length: SCRIPTS }, (_, index) => index);
  await writeFiles(folder, {
    ...AROUND,
    ...Object.fromEntries(scripts.map((index) => [`tracker/syncs/s${index}.ts`, scriptText(index, models)])),
    ...more,
  });
  return { folder, form };
}

const list = Array.from({ length: SCRIPTS }, (_, index) => `import './tracker/syncs/s${index}.js';\n`).join('');
const tsconfig = (more: object) =>
  JSON.stringify({
    compilerOptions: { strict: true, module: 'nodenext', target: 'es2024', moduleDetection: 'legacy', ...more },
  });
const yaml = {
  'models.ts': 'export interface NangoSync { log(...args: unknown[]): Promise<void> }\n',
  'tsconfig.json': tsconfig({}),
};

async function lines(found: Project, slice: number): Promise<string[]> {
  const mistakes = await checkTypes(found, { scripts: SCRIPTS, slice });
  return mistakes.map(mistakeLine).toSorted();
}

const slicesIn = async ({ folder }: Project): Promise<number> =>
  (await readdir(join(folder, '.nango/cache'))).filter((name) => /^types-\d+\.tsbuildinfo$/.test(name)).length;

test.each<[string, Project['form'], Readonly<Record<string, string>>]>([
  ['a zero-yaml project', 'zero-yaml', { 'index.ts': `// Scripts\n${list}` }],
  ['one with a configuration', 'zero-yaml', { 'index.ts': list, 'tsconfig.json': tsconfig({}) }],
  ['a project with nango.yaml', 'yaml', yaml],
  ['a composite project', 'yaml', { ...yaml, 'tsconfig.json': tsconfig({ composite: true, rootDir: '.' }) }],
])('%s has the same mistakes in slices as in one piece, each once', async (_what, form, files) => {
  const found = await project(form, files);
  const whole = await lines(found, SCRIPTS);
  expect(await slicesIn(found)).toBe(0);
  expect(whole).toHaveLength(SCRIPTS / 3 + 1);
  expect(await lines(found, 5)).toEqual(whole);
  expect(await slicesIn(found)).toBe(3);
  // Again, from what the compiler remembers of each slice.
  expect(await lines(found, 5)).toEqual(whole);
});

test('an index.ts with words of its own is checked with all it imports', async () => {
  const found = await project('zero-yaml', { 'index.ts': `${list}export const wrong: number = 'a';\n` });
  const whole = await lines(found, 5);
  expect(whole).toHaveLength(SCRIPTS / 3 + 2);
  expect(whole[0]).toMatch(/^index\.ts:13:14: TS2322/);
  expect(await slicesIn(found)).toBe(0);
});
