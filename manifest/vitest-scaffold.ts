/** Tests for vitest in the shape that the incumbent's users have. Pure. */

export type TestedScript = {
  readonly integration: string;
  readonly name: string;
  readonly kind: 'sync' | 'action';
  readonly models: readonly string[];
  /** Of the script as seen from `<integration>/tests/`, without an ending. */
  readonly importPath: string;
  /** Whether the default export is a definition with `exec`. */
  readonly isDefinition: boolean;
};

export const VITEST_CONFIG = `import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { globals: true, include: ['**/*.test.ts'], setupFiles: ['./vitest.setup.ts'] },
});
`;

export const VITEST_SETUP = `import { NangoActionMock, NangoSyncMock } from 'nango/test';

globalThis.vitest = { NangoActionMock, NangoSyncMock };
`;

/** Whether a file is of tests and no part of any script: its types want vitest, which need not be installed to compile. */
export function isTestFile(file: string): boolean {
  return /\.(test|spec)\.[cm]?ts$/.test(file) || /^vitest\.[\w.-]+\.[cm]?ts$/.test(file);
}

/** The test of one script: it does what its recording says. */
export function testFile(script: TestedScript): string {
  const ending = script.isDefinition ? '.js' : '';
  const mock = script.kind === 'sync' ? 'NangoSyncMock' : 'NangoActionMock';
  const run = script.isDefinition ? 'script.exec' : 'script';
  return `import { expect, it, describe, vi } from 'vitest';

import script from '${script.importPath}${ending}';

describe('${script.integration} ${script.name}', () => {
  const nangoMock = new global.vitest.${mock}({
    dirname: import.meta.dirname,
    name: '${script.name}',
    Model: '${script.models.join(',')}',
  });
${script.kind === 'sync' ? syncBody(run, script.models) : actionBody(run)}});
`;
}

function syncBody(run: string, models: readonly string[]): string {
  return `  const models = [${models.map((model) => `'${model}'`).join(', ')}];

  it('saves what was recorded', async () => {
    const batchSave = vi.spyOn(nangoMock, 'batchSave');
    const batchDelete = vi.spyOn(nangoMock, 'batchDelete');
    await ${run}(nangoMock);
    for (const model of models) {
      const rows = (spy) => JSON.parse(JSON.stringify(spy.mock.calls.flatMap(([rows, name]) => (name === model ? rows : []))));
      expect(rows(batchSave)).toStrictEqual(await nangoMock.getBatchSaveData(model));
      const deleted = await nangoMock.getBatchDeleteData(model);
      if (deleted && deleted.length > 0) expect(rows(batchDelete)).toStrictEqual(deleted);
    }
  });
`;
}

function actionBody(run: string): string {
  return `
  it('answers what was recorded', async () => {
    const input = await nangoMock.getInput();
    const response = await ${run}(nangoMock, input);
    expect(response).toEqual(await nangoMock.getOutput());
  });
`;
}
