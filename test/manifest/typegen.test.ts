import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parseManifest } from '../../manifest/parse.ts';
import { MODULE_TYPES } from '../../manifest/module-types.ts';
import { SANDBOX_TYPES } from '../../manifest/sandbox-types.ts';
import { TSCONFIG_TEXT } from '../../manifest/tsconfig-template.ts';
import { generateModels } from '../../manifest/typegen.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const generate = (folder: string) => generateModels(parseManifest(read(`${folder}/nango.yaml`), 'nango.yaml').manifest);

test('models.ts is what the golden file says, for every form of the model language', () => {
  expect(generate('test/fixtures/golden')).toBe(read('test/fixtures/golden/models.ts'));
});

test('the example project carries the generated files as they are generated now', () => {
  const example = 'examples/nango-integrations';
  expect(read(`${example}/models.ts`)).toBe(generate(example));
  expect(read(`${example}/nango-sandbox.d.ts`)).toBe(SANDBOX_TYPES);
  expect(read(`${example}/tsconfig.json`)).toBe(TSCONFIG_TEXT);
});

test('author/index.d.ts is what module-types.ts says', () => {
  expect(read('author/index.d.ts')).toBe(MODULE_TYPES);
});
